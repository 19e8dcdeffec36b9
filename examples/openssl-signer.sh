#!/bin/sh
# A signer for `lacre sign --key 'exec:openssl-signer.sh PRIVATE.pem PUBLIC.pem'` (docs/SIGNERS.md): an ECDSA P-256 key
# in a file, used by openssl. Put whatever reaches your vault in the place of openssl.
set -eu
private=$1
public=$2

# A request is one line of JSON. Its members are sorted, and none of their values holds a quotation mark.
IFS= read -r request

case $request in
*'"operation":"public-key"'*)
    printf '{"public_key":"%s"}\n' "$(awk '{ printf "%s\\n", $0 }' "$public")"
    ;;
*'"operation":"sign"'*)
    message=$(printf '%s\n' "$request" | sed 's/.*"message":"\([^"]*\)".*/\1/')
    signature=$(printf '%s' "$message" | openssl base64 -d -A | openssl dgst -sha256 -sign "$private" | openssl base64 -A)
    printf '{"signature":"%s"}\n' "$signature"
    ;;
*)
    printf '{"error":"this operation is not known"}\n'
    ;;
esac
