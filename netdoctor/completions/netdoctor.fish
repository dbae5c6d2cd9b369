# fish completion for netdoctor(1). What may follow is asked of netdoctor itself.
function __netdoctor_complete
    set -l line (commandline -cp)
    set -l words (commandline -opc)
    for entry in ($words[1] completion --line "$line" 2>/dev/null)
        if test "$entry" = \t'files'
            __fish_complete_path (commandline -ct)
        else
            echo $entry
        end
    end
end
complete -c netdoctor -f -a '(__netdoctor_complete)'
