# Completion of ruleout for fish. To have it in this shell:
#   ruleout completion fish | source
# and in every new one:
#   ruleout completion fish > ~/.config/fish/completions/ruleout.fish
function __ruleout_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] complete -- $words[2..-1] 2>/dev/null
end
complete -c ruleout -f -a '(__ruleout_complete)'
