# bash completion for netdoctor(1). What may follow is asked of netdoctor itself.
_netdoctor() {
    local line=${COMP_LINE:0:COMP_POINT} breaks=${COMP_WORDBREAKS//[!:=@]/} cut='' entry
    local word=${line##*[[:space:]]}
    # readline takes what follows one of these characters for a word of its own
    [[ -n $breaks ]] && cut=${word%"${word##*[$breaks]}"}
    COMPREPLY=()
    while IFS= read -r entry; do
        if [[ $entry == $'\tfiles' ]]; then
            compopt -o default
            continue
        fi
        entry=${entry%%$'\t'*}
        COMPREPLY+=("${entry#"$cut"}")
    done < <("${COMP_WORDS[0]}" completion --line "$line" 2>/dev/null)
}
complete -F _netdoctor netdoctor
