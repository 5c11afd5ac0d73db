#!/bin/sh
# Makes an authority and a certificate for each server, once; RENEW=1 makes the servers' certificates anew, by the same authority.
# Runs as root in the Elasticsearch image, without a network. Each server is given its own key and no other.
set -eu
certutil=/usr/share/elasticsearch/bin/elasticsearch-certutil
days=1095 # three years; docs/production.md has the renewal

if [ ! -f /private/ca/ca.key ]; then
    "$certutil" ca --silent --pem --days 3650 --out /private/ca.zip
    unzip -q -o /private/ca.zip -d /private
fi
install -m 0444 /private/ca/ca.crt /authority/ca.crt

issue() { # name, and the user that the server runs as
    [ -n "${RENEW:-}" ] || [ ! -f "/tls/$1/server.key" ] || return 0
    work=$(mktemp -d)
    "$certutil" cert --silent --pem --days "$days" --name "$1" --dns "$1,localhost" --ip 127.0.0.1 \
        --ca-cert /private/ca/ca.crt --ca-key /private/ca/ca.key --out "$work/made.zip"
    unzip -q -o "$work/made.zip" -d "$work"
    install -m 0444 "$work/$1/$1.crt" "/tls/$1/server.crt"
    install -m 0400 -o "$2" "$work/$1/$1.key" "/tls/$1/server.key" # last: its presence says that the pair is whole
    rm -r "$work"
}

issue elasticsearch 1000
issue kibana 1000
issue postgres 999
issue api-server 10001 # the user of our image
