#!/bin/sh
# Writes the site's configuration from the environment: UI_NAME, VERSION, CALLS (contexts, parted by commas or spaces), PORT.
set -eu

target=/tmp/site
resolv_conf="${RESOLV_CONF:-/etc/resolv.conf}"
mistakes=""

check() { # variable, value, pattern, example
    if ! printf '%s\n' "$2" | grep -Eqx -- "$3"; then
        mistakes="$mistakes
$1: \"$2\" cannot be used; an example is $4"
    fi
}

calls=$(printf '%s' "${CALLS:-}" | tr ',' ' ')
port="${PORT:-8080}"
check UI_NAME "${UI_NAME:-}" '[a-z][a-z0-9-]*' shop
check VERSION "${VERSION:-}" '[A-Za-z0-9._+-]+' 1.2.3
check PORT "$port" '[1-9][0-9]{1,4}' 8080
for context in $calls; do
    check CALLS "$context" '[a-z][a-z0-9]*' orders,payments
done
if [ -n "$mistakes" ]; then
    echo "The user interface's environment is not complete:$mistakes" >&2
    exit 2
fi

# NGINX asks the name servers itself, when a request comes, and knows no search domains: a pod's is the first of its list.
resolvers=$(awk '$1 == "nameserver" { if ($2 ~ /:/) printf "[%s] ", $2; else printf "%s ", $2 }' "$resolv_conf")
domain=$(awk '$1 == "search" && $2 ~ /[.]svc[.]/ { print "." $2; exit }' "$resolv_conf")

# The shop is also a widget in other sites; nobody else's page may frame the others.
frames="'none'"
if [ "$UI_NAME" = shop ]; then
    frames="'self' https:"
fi

mkdir -p "$target"
list=""
: > "$target/apis"
for context in $calls; do
    list="$list${list:+,}\"$context\""
    cat >> "$target/apis" <<LOCATION
    location /api/$context/ {
        set        \$api $context-api$domain;
        rewrite    ^/api/$context/(.*)\$ /\$1 break;
        proxy_pass http://\$api;
        error_page 502 504 = @away;
    }
    # With the host as the browser asked for it, port and all: the context compares it with the page's origin.
    location = /api/$context/live {
        set                \$api $context-api$domain;
        rewrite            ^ /live break;
        proxy_pass         http://\$api;
        error_page         502 504 = @away;
        proxy_read_timeout 75s;
        proxy_set_header   Host              \$http_host;
        proxy_set_header   X-Request-Id      \$request_id;
        proxy_set_header   X-Forwarded-For   \$proxy_add_x_forwarded_for;
        proxy_set_header   X-Forwarded-Proto \$scheme_outside;
        proxy_set_header   Upgrade           \$upgrade;
        proxy_set_header   Connection        \$connection_kept;
    }
LOCATION
done
printf '{"ui":"%s","version":"%s","calls":[%s]}\n' "$UI_NAME" "$VERSION" "$list" > "$target/config.json"
sed -e "s|@RESOLVERS@|${resolvers:-127.0.0.1}|" -e "s|@PORT@|$port|" -e "s|@FRAMES@|$frames|" \
    -e "/@APIS@/r $target/apis" -e "/@APIS@/d" /etc/highstreetly/site.template > "$target/site.conf"
