"""Every peer: which programs it takes, and how they are told to bring one TCP service to one local port.

Each is set up as its own documents do it, with whatever it does by default and nothing tuned; only logs are kept down.
All have a relay that the listener's side calls, as ours; nginx and haproxy have none and are yardsticks: what one hop costs.
"""

from __future__ import annotations

import dataclasses
import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ..machine import PURE, is_compiled
from ..relays import PATH, WEBSOCKETS, Workshop
from .installing import (
    BORE,
    CHISEL,
    FRP,
    HYCO_WS,
    RATHOLE,
    SYSTEM,
    WEBSOCKET_TUNNEL,
    WSTUNNEL,
    WSTUNNEL_RUST,
    PeerMissingError,
    need,
)
from .tools import LISTENER, RELAY, SENDER, Command, free_ports

_RELAY_AND_LISTENER = f"{RELAY} and {LISTENER}"
_HOST = "127.0.0.1"


@dataclasses.dataclass(frozen=True)
class Stage:
    """What a peer is set up on.

    Attributes:
        folder: A folder of its own, for what it needs while it runs.
        shop: Certificates, and gateways.
        target: The port of 127.0.0.1 that its far end leads to.
        distant: From a relay's port to the one by which the listener's side reaches it.
        streams: How many are going to be open at once, at most.
    """

    folder: Path
    shop: Workshop
    target: int
    distant: Callable[[int], int] = int
    streams: int = 256

    def write(self, name: str, text: str) -> str:
        """Make a file that nobody else can read; its path."""
        path = self.folder / name
        path.touch(0o600)
        path.write_text(text)
        return str(path)


@dataclasses.dataclass(frozen=True)
class Peer:
    """One way to bring a service to a local port.

    Attributes:
        name: In tables and raw figures.
        about: What it is, for the table of peers.
        is_secure: Whether others on the way cannot read what crosses.
        set_up: The near end's port and the programs, in the order of their start; raises PeerMissingError.
        no_distance: Why nothing can be put between its programs; empty where it can.
    """

    name: str
    about: str
    is_secure: bool
    set_up: Callable[[Stage], tuple[int, list[Command]]]
    no_distance: str = ""


def _ours(stage: Stage, *, is_secure: bool, environment: dict[str, str]) -> tuple[int, list[Command]]:
    relay, admin, entry = free_ports(3)
    data = stage.folder / "data"
    stage.shop.copy_data(data)
    program = [sys.executable, "-m", "relaydesk"]
    certificate, key = stage.shop.certificate
    served = ["--tls-cert", str(certificate), "--tls-key", str(key)] if is_secure else []
    trusted = ["--ca", str(stage.shop.authority)] if is_secure else []
    rule = stage.shop.rule

    def as_whom(port: int) -> dict[str, str]:
        parts = (
            f"Endpoint=sb://{_HOST}:{port}/",
            f"SharedAccessKeyName={rule.name}",
            f"SharedAccessKey={rule.primary_key}",
            f"EntityPath={PATH}",
            *([] if is_secure else ["UseDevelopmentEmulator=true"]),
        )
        return {**environment, "RELAYDESK_CONNECTION_STRING": ";".join(parts)}

    gateway = ["gateway", "serve", "--bind", f"{_HOST}:{relay}", "--admin-bind", f"{_HOST}:{admin}"]
    serve = Command(RELAY, [*program, *gateway, "--data", str(data), *served], environment, relay)
    far, near = as_whom(stage.distant(relay)), as_whom(relay)
    if stage.streams > _VERBS_TAKE:
        agent = [sys.executable, "-m", "agent", "--config"]
        listening = f'target = "{_HOST}:{stage.target}"'
        connecting = f'direction = "connect"\nlocal = "{_HOST}:{entry}"'
        expose = [*agent, stage.write("listen.toml", _settings(stage, listening, is_secure=is_secure))]
        connect = [*agent, stage.write("connect.toml", _settings(stage, connecting, is_secure=is_secure))]
    else:
        expose = [*program, "expose", f"{_HOST}:{stage.target}", "--relay", PATH, *trusted]
        connect = [*program, "connect", PATH, "--local", f"{_HOST}:{entry}", *trusted]
    return entry, [serve, Command(LISTENER, expose, far), Command(SENDER, connect, near, entry)]


#: `expose` and `connect` take so many relayed connections at once; the headless agent as many as its settings say.
_VERBS_TAKE = 1_000


def _settings(stage: Stage, leads: str, *, is_secure: bool) -> str:
    trusted = f'[network]\nca_file = "{stage.shop.authority}"\n' if is_secure else ""
    credential = 'credential = { env = "RELAYDESK_CONNECTION_STRING" }'
    return f"{trusted}[[connections]]\n{credential}\n{leads}\nmax_connections = {stage.streams + 1}\n"


def _plain(stage: Stage) -> tuple[int, list[Command]]:
    return _ours(stage, is_secure=False, environment={})


def _with_tls(stage: Stage) -> tuple[int, list[Command]]:
    return _ours(stage, is_secure=True, environment={})


def _pure(stage: Stage) -> tuple[int, list[Command]]:
    _need_switch()
    return _ours(stage, is_secure=False, environment={PURE: "1"})


def _need_switch() -> None:
    """See that there is something to switch off: a run of two equal programs would say that it brings nothing."""
    if not is_compiled():
        raise PeerMissingError(
            "the other one is pure Python as well: the compiled frame loop is not built here"
        )
    if is_compiled(is_pure=True):
        raise PeerMissingError(f"{PURE}=1 does not switch the compiled frame loop off")


def _ssh(stage: Stage) -> tuple[int, list[Command]]:
    hint = "on Debian, apt-get install "
    ssh, keygen = need("ssh", hint + SYSTEM["ssh"]), need("ssh-keygen", hint + SYSTEM["ssh"])
    sshd = need("sshd", hint + SYSTEM["sshd"])
    port, entry = free_ports(2)
    for name in ("host", "user"):
        command = [keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(stage.folder / name)]
        subprocess.run(command, check=True, capture_output=True)
    shutil.copy(stage.folder / "user.pub", stage.folder / "authorized")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(
            mode=0o755, exist_ok=True
        )  # where sshd as root locks itself in until somebody is known
    config = (
        f"ListenAddress {_HOST}:{port}",
        f"HostKey {stage.folder / 'host'}",
        f"AuthorizedKeysFile {stage.folder / 'authorized'}",
        f"PidFile {stage.folder / 'pid'}",
        "StrictModes no",  # the folder above is one for everybody's temporary files
        "UsePAM no",
        "PasswordAuthentication no",
        "PermitRootLogin prohibit-password",
        "LogLevel ERROR",
    )
    options = (
        f"UserKnownHostsFile={stage.folder / 'known'}",
        "StrictHostKeyChecking=accept-new",
        "IdentitiesOnly=yes",
        "BatchMode=yes",
        "ExitOnForwardFailure=yes",
        "LogLevel=ERROR",
    )
    return entry, [
        Command(RELAY, [sshd, "-D", "-e", "-f", stage.write("sshd_config", "\n".join(config) + "\n")], port=port),
        Command(
            LISTENER,
            [
                ssh, "-F", "none", "-N", "-i", str(stage.folder / "user"),
                *(word for option in options for word in ("-o", option)),
                "-p", str(stage.distant(port)), "-R", f"{_HOST}:{entry}:{_HOST}:{stage.target}", f"{getpass.getuser()}@{_HOST}",
            ],
        ),
    ]  # fmt: skip


def _nginx(stage: Stage) -> tuple[int, list[Command]]:
    nginx = need("nginx", f"on Debian, apt-get install {SYSTEM['nginx']}")
    (entry,) = free_ports(1)
    module = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
    built_with = subprocess.run([nginx, "-V"], check=True, capture_output=True, text=True).stderr.split()
    if not module.exists() and "--with-stream" not in built_with:
        raise PeerMissingError("nginx has no stream module: on Debian, apt-get install libnginx-mod-stream")
    config = f"""{f"load_module {module};" if module.exists() else ""}
        daemon off; master_process off; pid {stage.folder}/pid; error_log stderr error; worker_rlimit_nofile 20000;
        events {{ worker_connections 20000; }}
        stream {{ server {{ listen {_HOST}:{entry} backlog=4096; proxy_pass {_HOST}:{stage.distant(stage.target)}; }} }}
    """
    path = stage.write("nginx.conf", config)
    return entry, [Command(RELAY, [nginx, "-p", str(stage.folder), "-e", "stderr", "-c", path], port=entry)]


def _haproxy(stage: Stage) -> tuple[int, list[Command]]:
    haproxy = need("haproxy", f"on Debian, apt-get install {SYSTEM['haproxy']}")
    (entry,) = free_ports(1)
    config = f"""
        global
            maxconn 9000
        defaults
            mode tcp
            timeout connect 10s
            timeout client 1h
            timeout server 1h
        listen path
            bind {_HOST}:{entry}
            server target {_HOST}:{stage.distant(stage.target)}
"""  # which says that it was cut short when its last line has no end
    return entry, [
        Command(RELAY, [haproxy, "-db", "-q", "-f", stage.write("haproxy.cfg", config)], port=entry)
    ]


def _chisel(stage: Stage) -> tuple[int, list[Command]]:
    chisel = str(CHISEL.find() / "chisel")
    port, entry = free_ports(2)
    leads = f"R:{_HOST}:{entry}:{_HOST}:{stage.target}"
    return entry, [
        Command(RELAY, [chisel, "server", "--reverse", "--host", _HOST, "--port", str(port)], port=port),
        Command(LISTENER, [chisel, "client", f"http://{_HOST}:{stage.distant(port)}", leads]),
    ]


def _frp(stage: Stage, *, is_secure: bool) -> tuple[int, list[Command]]:
    folder = FRP.find()
    port, entry = free_ports(2)
    server = f'bindAddr = "{_HOST}"\nbindPort = {port}\nlog.level = "error"\n'
    client = f"""
serverAddr = "{_HOST}"
serverPort = {stage.distant(port)}
log.level = "error"
transport.tls.enable = {str(is_secure).lower()}
[[proxies]]
name = "bench"
type = "tcp"
localIP = "{_HOST}"
localPort = {stage.target}
remotePort = {entry}
"""
    return entry, [
        Command(RELAY, [str(folder / "frps"), "-c", stage.write("frps.toml", server)], port=port),
        Command(LISTENER, [str(folder / "frpc"), "-c", stage.write("frpc.toml", client)]),
    ]


def _frp_with_tls(stage: Stage) -> tuple[int, list[Command]]:
    return _frp(stage, is_secure=True)


def _frp_plain(stage: Stage) -> tuple[int, list[Command]]:
    return _frp(stage, is_secure=False)


def _rathole(stage: Stage, *, transport: str) -> tuple[int, list[Command]]:
    rathole = str(RATHOLE.find() / "bin" / "rathole")
    port, entry = free_ports(2)
    token = os.urandom(16).hex()
    private = public = ""
    if transport == "noise":
        made = subprocess.run(
            [rathole, "--genkey"], check=True, capture_output=True, text=True
        ).stdout.split()
        private = f'local_private_key = "{made[made.index("Key:") + 1]}"\n'
        public = f'remote_public_key = "{made[len(made) - made[::-1].index("Key:")]}"\n'

    def over(role: str, key: str) -> str:
        return f'[{role}.transport]\ntype = "{transport}"\n' + (
            f"[{role}.transport.noise]\n{key}" if key else ""
        )

    server = f'[server]\nbind_addr = "{_HOST}:{port}"\n{over("server", private)}'
    server += f'[server.services.bench]\ntoken = "{token}"\nbind_addr = "{_HOST}:{entry}"\n'
    client = f'[client]\nremote_addr = "{_HOST}:{stage.distant(port)}"\n{over("client", public)}'
    client += f'[client.services.bench]\ntoken = "{token}"\nlocal_addr = "{_HOST}:{stage.target}"\n'
    quiet = {"RUST_LOG": "error"}
    return entry, [
        Command(RELAY, [rathole, "--server", stage.write("server.toml", server)], quiet, port),
        Command(LISTENER, [rathole, "--client", stage.write("client.toml", client)], quiet),
    ]


def _rathole_plain(stage: Stage) -> tuple[int, list[Command]]:
    return _rathole(stage, transport="tcp")


def _rathole_with_noise(stage: Stage) -> tuple[int, list[Command]]:
    return _rathole(stage, transport="noise")


_BORE_PORT = 7835  # bore-cli 0.6, shared.rs: it has no option for another one


def _bore(stage: Stage) -> tuple[int, list[Command]]:
    bore = str(BORE.find() / "bin" / "bore")
    (entry,) = free_ports(1)
    quiet = {"RUST_LOG": "error"}
    local = [bore, "local", str(stage.target), "--local-host", _HOST, "--to", _HOST, "--port", str(entry)]
    return entry, [
        Command(RELAY, [bore, "server", "--bind-addr", _HOST], quiet, _BORE_PORT),
        Command(LISTENER, local, quiet),
    ]


def _wstunnel(stage: Stage) -> tuple[int, list[Command]]:
    node = need("node", "install Node.js")
    program = str(WSTUNNEL.find() / "node_modules" / "wstunnel" / "bin" / "wstt.js")
    port, entry = free_ports(2)
    tunnel = f"{_HOST}:{entry}:{_HOST}:{stage.target}"
    return entry, [
        Command(_RELAY_AND_LISTENER, [node, program, "-s", f"{_HOST}:{port}"], port=port),
        Command(SENDER, [node, program, "-t", tunnel, f"ws://{_HOST}:{stage.distant(port)}"], port=entry),
    ]


def _wstunnel_in_rust(_: Stage) -> tuple[int, list[Command]]:
    WSTUNNEL_RUST.install()
    raise PeerMissingError("its programs are not known here yet")


def _hyco_ws(stage: Stage) -> tuple[int, list[Command]]:
    node = need("node", "install Node.js")
    bridge = str(HYCO_WS.find() / "bridge.js")
    _, commands = _plain(stage)
    relay = commands[0]
    assert relay.port is not None
    (entry,) = free_ports(1)
    rule = stage.shop.rule

    def as_whom(port: int) -> dict[str, str]:
        key = {"RELAY_KEY_NAME": rule.name, "RELAY_KEY": rule.primary_key}
        return {"RELAY_HOST": f"{_HOST}:{port}", "RELAY_PATH": PATH, **key}

    return entry, [
        relay,
        Command(LISTENER, [node, bridge, "listen", str(stage.target)], as_whom(stage.distant(relay.port))),
        Command(SENDER, [node, bridge, "connect", str(entry)], as_whom(relay.port), entry),
    ]


def _websockets(stage: Stage, *, is_secure: bool) -> tuple[int, list[Command]]:
    relay, entry = free_ports(2)
    certificate, key = stage.shop.certificate
    served = ["--tls-cert", str(certificate), "--tls-key", str(key)] if is_secure else []
    trusted = {"RELAY_CA": str(stage.shop.authority)} if is_secure else {}
    rule = stage.shop.rule
    program = [sys.executable, "-m"]
    who = ["--name", PATH, "--rule", rule.name, "--key", rule.primary_key]
    serve = [*program, "benchmarks.websockets_relay", *who, "--port", str(relay), *served]
    bridge = [*program, "benchmarks.websockets_bridge"]

    def as_whom(port: int) -> dict[str, str]:
        key = {"RELAY_KEY_NAME": rule.name, "RELAY_KEY": rule.primary_key}
        return {"RELAY_HOST": f"{_HOST}:{port}", "RELAY_PATH": PATH, **key, **trusted}

    return entry, [
        Command(RELAY, serve, port=relay),
        Command(LISTENER, [*bridge, "listen", str(stage.target)], as_whom(stage.distant(relay))),
        Command(SENDER, [*bridge, "connect", str(entry)], as_whom(relay), entry),
    ]


def _websockets_plain(stage: Stage) -> tuple[int, list[Command]]:
    return _websockets(stage, is_secure=False)


def _websockets_with_tls(stage: Stage) -> tuple[int, list[Command]]:
    return _websockets(stage, is_secure=True)


def _websocket_tunnel(stage: Stage) -> tuple[int, list[Command]]:
    packages = {"PYTHONPATH": str(WEBSOCKET_TUNNEL.find() / "packages"), "PYTHONSAFEPATH": "1"}
    port, entry = free_ports(2)
    certificate, key = stage.shop.certificate
    token = os.urandom(16).hex()
    server = f"""
listen = "{_HOST}:{port}"
token = "{token}"
tls = {{ cert = "{certificate}", key = "{key}" }}
allow_peer_backends = ["{_HOST}/32"]
allow_peer_listens = ["{_HOST}/32"]
"""
    client = f"""
server = "{_HOST}:{stage.distant(port)}"
token = "{token}"
tls = true
tls_skip_verify = true
allow_peer_backends = ["{_HOST}/32"]
allow_peer_listens = ["{_HOST}/32"]
[[proxies]]
name = "bench"
listen = "{_HOST}:{entry}"
listen_side = "peer"
backend = "{_HOST}:{stage.target}"
backend_side = "local"
"""
    program = [sys.executable, "-c", "from websocket_tunnel.cli import main; main()"]
    return entry, [
        Command(RELAY, [*program, "server", "-c", stage.write("server.toml", server)], packages, port),
        Command(LISTENER, [*program, "client", "-c", stage.write("client.toml", client)], packages),
    ]


OURS, OURS_PURE, OURS_TLS = "RelayDesk", "RelayDesk, pure Python", "RelayDesk, TLS"
SSH, CHISEL_PEER, RATHOLE_PEER, HYCO_WS_PEER, FRP_PEER = (
    "OpenSSH -R",
    "chisel",
    "rathole",
    "hyco-ws",
    "frp, plain",
)

PEERS = (
    Peer(OURS, "gateway, agent, sender; three programs", False, _plain),
    Peer(OURS_PURE, f"the same with {PURE}=1", False, _pure),
    Peer("nginx stream", "a proxy, no relay: one program, one hop", False, _nginx),
    Peer("haproxy", "a proxy, no relay: one program, one hop", False, _haproxy),
    Peer(WEBSOCKETS, "the same three programs, written on that library", False, _websockets_plain),
    Peer(RATHOLE_PEER, "Rust; server and client", False, _rathole_plain),
    Peer("bore", "Rust; server and client", False, _bore, "the port of its control connection is fixed"),
    Peer(FRP_PEER, "Go; server and client; its default is TLS", False, _frp_plain),
    Peer("wstunnel (npm)", "JavaScript; server and sender, no listener", False, _wstunnel),
    Peer("wstunnel (Rust)", "Rust", False, _wstunnel_in_rust),
    Peer(
        HYCO_WS_PEER,
        "Microsoft's SDK in JavaScript at both ends of our gateway; three programs",
        False,
        _hyco_ws,
    ),
    Peer(OURS_TLS, "TLS on both legs; three programs", True, _with_tls),
    Peer("websockets, TLS", "the same three programs, written on that library", True, _websockets_with_tls),
    Peer(SSH, "server and client", True, _ssh),
    Peer(CHISEL_PEER, "Go; server and client, SSH over a WebSocket", True, _chisel),
    Peer("rathole, Noise", "Rust; server and client", True, _rathole_with_noise),
    Peer("frp, TLS", "Go; server and client", True, _frp_with_tls),
    Peer("websocket-tunnel", "Python, from PyPI; server and client, TLS", True, _websocket_tunnel),
)
