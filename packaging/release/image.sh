#!/usr/bin/env bash
# Build the gateway's container image, look whether it is what packaging/Containerfile says of it, and perhaps keep it as a file.
#
#   bash packaging/release/image.sh [FILE.tar.gz]      docker load reads the file; DOCKER=podman: with podman
set -euo pipefail
cd "$(dirname "$0")/../.."

docker=${DOCKER:-docker}
image=relaydesk-gateway
name=relaydesk-gateway-try-$$

# podman's own format has no health checks
format=()
[[ $docker == *podman ]] && format=(--format docker)
"$docker" build "${format[@]}" --file packaging/Containerfile --tag "$image" .

complain() { echo "$image: $*" >&2; exit 1; }
trap '"$docker" rm --force --volumes "$name" >/dev/null 2>&1 || true' EXIT

# as little as it says it needs: nothing but /data and /tmp can be written, no capabilities
"$docker" run --detach --name "$name" --read-only --tmpfs /tmp --volume /data --cap-drop ALL \
    --security-opt no-new-privileges "$image" --bind 0.0.0.0:9400 --public-url https://relay.example.org >/dev/null

health=starting
for _ in $(seq 60); do
    health=$("$docker" inspect --format '{{.State.Health.Status}}' "$name")
    [[ $health == starting ]] || break
    sleep 1
done
[[ $health == healthy ]] || { "$docker" logs "$name" >&2; complain "its health check says $health"; }
[[ $("$docker" exec "$name" id -u) == 10001 ]] || complain "it does not run as its own user"

inside() { "$docker" run --rm --entrypoint "$1" "$image" "${@:2}"; }
inside sh -c '! command -v gcc && ! command -v cc' || complain "it holds a compiler"
inside /opt/relaydesk/bin/python -c '
import importlib.util, sys
sys.exit(any(importlib.util.find_spec(name) for name in ("PySide6", "qasync")))' || complain "it holds Qt"
inside /opt/relaydesk/bin/relaydesk --version

began=$SECONDS
"$docker" stop --time 30 "$name" >/dev/null
[[ $("$docker" inspect --format '{{.State.ExitCode}}' "$name") == 0 ]] || complain "it does not stop in order"
echo "$image: healthy, and stopped in $((SECONDS - began)) s"

if [[ $# -gt 0 ]]; then
    mkdir -p "$(dirname "$1")"
    "$docker" save "$image" | gzip --no-name --best >"$1"
    echo "$1"
fi
