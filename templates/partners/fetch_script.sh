{% autoescape off %}#!/bin/sh
# Fetches the TLS policy map of relay group {{ group }} and the public CAs that belong to it, and switches both in one step.
# Run it every minute as root. Whatever fails, and whenever it is cut off, the set in force stays as it is.
# token.header holds one line, "Authorization: Bearer tlsp_...", and is readable by root alone.
#
# A set lies in a directory of its own, .set.XXXXXX. What Postfix opens are links through .current, and to rename that
# one is the switch: tls_policy -> .current/tls_policy, ca.pem -> .current/ca.pem, .current -> .set.XXXXXX
set -eu
umask 022
cd {{ directory }}
exec 9> .fetch.lock && flock -n 9 || exit 0

point() { # link $1 shows $2, by one rename
  rm -f "$1.new"
  ln -s "$2" "$1.new"
  mv -T "$1.new" "$1"
}
sweep() { # what is not in force; Postfix sees by it that its file is gone, and opens the new one
  for old in .set.*; do
    [ ! -d "$old" ] || [ "$old" = "$(readlink .current)" ] || rm -r "$old"
  done
}
sweep
rm -f tls_policy.new tls_policy.new.* ca.pem.new
new=$(mktemp -d .set.XXXXXX)
chmod 755 "$new"
trap '[ "$new" = "$(readlink .current)" ] || rm -rf "$new"' EXIT

etag=$(cat etag 2>/dev/null || :)
code=$(curl --silent --show-error --max-time 60 --header @token.header \
  --header "If-None-Match: $etag" --dump-header headers.new --output "$new/tls_policy" \
  --write-out '%{http_code}' '{{ url }}')
[ "$code" != 304 ] || exit 0
if [ "$code" != 200 ] || [ ! -s "$new/tls_policy" ]; then
  echo "tls_policy: the portal answered $code; the old map stays" >&2
  exit 1
fi
told=$(tr -d '\r' < headers.new | sed -n 's/^[Xx]-[Cc]ontent-[Ss][Hh][Aa]256: //p')
[ "$(sha256sum < "$new/tls_policy" | cut -d' ' -f1)" = "$told" ]

# The public CAs that belong to this map; their hash came with it, so that no other set slips in between.
ca=$(tr -d '\r' < headers.new | sed -n 's/^[Xx]-[Cc][Aa]-[Ss][Hh][Aa]256: //p')
new_ca=
if [ "$ca" = none ]; then
  if [ -e ca.pem ] && [ "$(postconf -h smtp_tls_CAfile)" = '{{ directory }}/ca.pem' ]; then
    echo "ca.pem: this release trusts no public CA; postconf -X smtp_tls_CAfile, then run this again" >&2
    exit 1
  fi
elif [ -e ca.pem ] && { [ -z "$ca" ] || [ "$(sha256sum < ca.pem | cut -d' ' -f1)" = "$ca" ]; }; then
  cp ca.pem "$new/ca.pem"
elif [ -n "$ca" ]; then
  curl --silent --show-error --fail --max-time 60 --header @token.header --output "$new/ca.pem" '{{ authorities }}'
  if [ "$(sha256sum < "$new/ca.pem" | cut -d' ' -f1)" != "$ca" ]; then
    echo "ca.pem: the portal answered another set than the map's; everything stays" >&2
    exit 1
  fi
  new_ca=yes
fi

# Files that the map names in tafile=; their name is their hash, so one that is there is never old, and is never changed.
for file in $(grep -o 'tafile={{ directory }}/[0-9a-f]*\.pem' "$new/tls_policy" | sed 's|.*/||' | sort -u); do
  [ -s "$file" ] || {
    curl --silent --show-error --fail --max-time 60 --header @token.header --output "$file.new" '{{ files }}'"$file"
    sync "$file.new"
    mv "$file.new" "$file"
  }
done

# Compiled in its own directory: Postfix sees the old set or the new one, never half of one.
{% if map_type == "texthash" %}postmap -s "texthash:$new/tls_policy" > /dev/null
{% else %}postmap "{{ map_type }}:$new/tls_policy"
{% endif %}# An index of another kind stays for as long as main.cf may name it.
for part in tls_policy.*; do
  [ ! -e "$part" ] || [ -e "$new/$part" ] || cp -pL "$part" "$new/$part"
done
sync "$new"/* "$new"

# The first time: what is there becomes a set, and links to it show what they showed before.
for part in $(cd "$new" && echo *); do
  [ "$(readlink "$part")" = ".current/$part" ] || {
    first=$(mktemp -d .set.XXXXXX)
    chmod 755 "$first"
    for file in $(cd "$new" && echo *); do
      [ ! -e "$file" ] || cp -pL "$file" "$first/$file"
    done
    sync "$first" .
    point .current "$first"
    for file in $(cd "$new" && echo *); do
      point "$file" ".current/$file"
    done
  }
done
{% if map_type == "texthash" %}: > .reload
{% else %}[ -z "$new_ca" ] || : > .reload
{% endif %}point .current "$new"
sync .
[ -e ca.pem ] || rm -f ca.pem
sweep
# .reload outlives a run that is cut off here.
if [ -e .reload ]; then
{% if map_type == "texthash" %}  # texthash is read at start: Postfix has to be told.
  postfix reload
{% else %}  # Each smtp(8) reads ca.pem as it starts; those that run have the old one.
  postfix reload || echo "ca.pem: Postfix does not run; it reads the new set as it starts" >&2
{% endif %}  rm .reload
fi
tr -d '\r' < headers.new | sed -n 's/^[Ee][Tt]ag: //p' > etag
{% endautoescape %}
