#!/bin/sh
# Starts nginx as the official image does: first the start-up scripts, then the templates, with the variables of the environment filled in.
set -eu

say() {
    [ -n "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ] || echo "entrypoint: $*" >&2
}

render() {
    templates="${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}"
    suffix="${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}"
    target="${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}"
    [ -d "$templates" ] || return 0
    # Only variables that exist are filled in: nginx has its own $words.
    names=$(awk -v wanted="${NGINX_ENVSUBST_FILTER:-}" \
        'BEGIN { for (name in ENVIRON) if (name ~ /^[A-Za-z_][A-Za-z0-9_]*$/ && name ~ wanted) printf "${%s} ", name }')
    find "$templates" -follow -type f -name "*$suffix" | sort | while read -r template; do
        name="${template#"$templates"/}"
        output="$target/${name%"$suffix"}"
        mkdir -p "$(dirname "$output")"
        if [ ! -w "$(dirname "$output")" ]; then
            say "$output cannot be written; leaving $template out"
            continue
        fi
        say "$template -> $output"
        envsubst "$names" < "$template" > "$output"
    done
}

if [ "${1:-}" = nginx ]; then
    for script in /docker-entrypoint.d/*.sh; do
        if [ -x "$script" ]; then
            "$script"
        fi
    done
    render
fi
exec "$@"
