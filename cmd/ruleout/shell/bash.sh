# Completion of ruleout for bash. To have it in this shell:
#   source <(ruleout completion bash)
# and in every new one:
#   ruleout completion bash > ~/.local/share/bash-completion/completions/ruleout
_ruleout() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("${line%%$'\t'*}")
    done < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=] ]]; then
        compopt -o nospace
    fi
}
complete -F _ruleout ruleout
