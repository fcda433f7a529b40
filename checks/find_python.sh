#!/bin/sh
# Prints the first Python that Fanin runs on. Finds none: says why in one line and fails.
# $PYTHON, if set, is tried first. Commands that fail when run (version-manager shims) are no
# Pythons.
supported='3.11 3.12 3.13 3.14 3.15'

set -- python3.15 python3.14 python3.13 python3.12 python3.11 python3 python
[ -z "${PYTHON:-}" ] || set -- "$PYTHON" "$@"

too_far='' no_venv=''
for python in "$@"; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case " $supported " in
        *" $version "*) ;;
        *) too_far=${too_far:-"unsupported Python $version ($python)"}; continue ;;
    esac
    if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        printf '%s\n' "$python"
        exit 0
    fi
    no_venv=${no_venv:-"$python lacks its venv module: apt-get install python$version-venv"}
done
why=${no_venv:-${too_far:-no Python found}}
printf 'Fanin needs one Python of %s: %s\n' "$supported" "$why" >&2
exit 1
