#compdef ruleout
# Completion of ruleout for zsh. To have it in this shell:
#   source <(ruleout completion zsh)
# and in every new one, in a directory that is in $fpath:
#   ruleout completion zsh > ~/.zfunc/_ruleout
_ruleout() {
    local line value
    local -a values shown open openshown
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        if [[ $value == *[/=] ]]; then
            open+=("$value")
            openshown+=("${line/$'\t'/  -- }")
        else
            values+=("$value")
            shown+=("${line/$'\t'/  -- }")
        fi
    done < <("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ${#values} )) && compadd -l -d shown -- "${values[@]}"
    (( ${#open} )) && compadd -S '' -l -d openshown -- "${open[@]}"
    return 0
}
if [[ ${funcstack[1]} == _ruleout ]]; then
    _ruleout "$@"
else
    (( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit }
    compdef _ruleout ruleout
fi
