{% autoescape off %}#!/bin/sh
# Fetches the TLS policy map of relay group {{ group }} and swaps it in whole.
# Run it every minute as root. Whatever fails, the map in force stays as it is.
# token.header holds one line, "Authorization: Bearer tlsp_...", and is readable by root alone.
set -eu
umask 022
cd {{ directory }}
exec 9> .fetch.lock && flock -n 9 || exit 0

etag=$(cat etag 2>/dev/null || :)
code=$(curl --silent --show-error --max-time 60 --header @token.header \
  --header "If-None-Match: $etag" --dump-header headers.new --output tls_policy.new \
  --write-out '%{http_code}' '{{ url }}')
[ "$code" != 304 ] || exit 0
if [ "$code" != 200 ] || [ ! -s tls_policy.new ]; then
  echo "tls_policy: the portal answered $code; the old map stays" >&2
  exit 1
fi
told=$(tr -d '\r' < headers.new | sed -n 's/^[Xx]-[Cc]ontent-[Ss][Hh][Aa]256: //p')
[ "$(sha256sum < tls_policy.new | cut -d' ' -f1)" = "$told" ]

# The public CAs that belong to this map, before it; its hash came with the map, so that no other set slips in between.
ca=$(tr -d '\r' < headers.new | sed -n 's/^[Xx]-[Cc][Aa]-[Ss][Hh][Aa]256: //p')
new_ca=
if [ "$ca" = none ] && [ -e ca.pem ]; then
  if [ "$(postconf -h smtp_tls_CAfile)" = '{{ directory }}/ca.pem' ]; then
    echo "ca.pem: this release trusts no public CA; postconf -X smtp_tls_CAfile, then run this again" >&2
    exit 1
  fi
  rm ca.pem
elif [ -n "$ca" ] && [ "$ca" != none ] && [ "$(cat ca.pem 2>/dev/null | sha256sum | cut -d' ' -f1)" != "$ca" ]; then
  curl --silent --show-error --fail --max-time 60 --header @token.header --output ca.pem.new '{{ authorities }}'
  if [ "$(sha256sum < ca.pem.new | cut -d' ' -f1)" != "$ca" ]; then
    echo "ca.pem: the portal answered another set than the map's; everything stays" >&2
    exit 1
  fi
  mv ca.pem.new ca.pem
  new_ca=yes
fi

# Files that the map names in tafile=; their name is their hash, so one that is there is never old.
for file in $(grep -o 'tafile={{ directory }}/[0-9a-f]*\.pem' tls_policy.new | sed 's|.*/||' | sort -u); do
  [ -s "$file" ] || {
    curl --silent --show-error --fail --max-time 60 --header @token.header --output "$file.new" '{{ files }}'"$file"
    mv "$file.new" "$file"
  }
done
{% if map_type == "texthash" %}
# texthash is read at start: Postfix has to be told.
postmap -s 'texthash:tls_policy.new' > /dev/null
mv tls_policy.new tls_policy
postfix reload
{% else %}
# Compiled beside the map in force, then renamed over it: Postfix sees the old or the new one, never half of one.
postmap '{{ map_type }}:tls_policy.new'
for part in tls_policy.new.*; do
  mv "$part" "tls_policy.${part##*.}"
done
mv tls_policy.new tls_policy
{% endif %}
# Each smtp(8) reads ca.pem as it starts; those that run have the old one.
[ -z "$new_ca" ] || postfix reload || echo "ca.pem: Postfix does not run; it reads the new set as it starts" >&2
tr -d '\r' < headers.new | sed -n 's/^[Ee][Tt]ag: //p' > etag
{% endautoescape %}
