//! Proxies, as the environment names them.

use std::io::{BufRead as _, BufReader, Write as _, copy};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use lacre_testkit::pki::{Draft, TestKey, der::pem};
use lacre_testkit::registry::{Access, Clients, Registry, Tls};

use crate::bench::{Bench, Said};

/// A host that no name server knows: it is reached through a proxy or not at all.
const HOST: &str = "registry.test";

/// A proxy that tunnels (RFC 9110, section 9.3.6): whatever it is asked for, it leads to one address.
struct Tunnel {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (address, heads) = (listener.local_addr().unwrap(), Arc::default());
        let seen: Arc<Mutex<Vec<String>>> = Arc::clone(&heads);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                // A connection that breaks is the client's to tell of.
                thread::spawn(move || drop(tunnel(&client, port, &seen)));
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn tunnel(client: &TcpStream, port: u16, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let (mut head, mut lines) = (String::new(), BufReader::new(client.try_clone()?));
    while !head.ends_with("\r\n\r\n") {
        lines.read_line(&mut head)?;
    }
    seen.lock().unwrap().push(head);
    let server = TcpStream::connect(("127.0.0.1", port))?;
    (&*client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut back, mut there) = (server.try_clone()?, client.try_clone()?);
    let answers = thread::spawn(move || {
        let _ = copy(&mut back, &mut there);
        there.shutdown(Shutdown::Write)
    });
    let _ = copy(&mut lines, &mut &server);
    server.shutdown(Shutdown::Write)?;
    drop(answers.join());
    Ok(())
}

fn run(bench: &Bench, line: &str, variables: &[(&str, &str)]) -> Said {
    let mut command: Command = bench.command();
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    Said::of(command.envs(variables.iter().copied()).args(line.split_whitespace()))
}

#[test]
fn a_proxy_for_what_is_not_encrypted() {
    let (registry, bench) = (Registry::start(), Bench::with_signed_model());
    let proxy = registry.url();
    let push = format!("push MODEL {HOST}/org/m:v1 --plain-http {HOST}");
    let said = run(&bench, &push, &[("http_proxy", &proxy)]);
    assert_eq!(said.exit, Some(0), "{said:?}");
    let pull = format!("pull {HOST}/org/m:v1 OUT --key k.pub --plain-http {HOST}");
    let said = run(&bench, &pull, &[("HTTP_PROXY", &proxy)]);
    assert_eq!(said.exit, Some(0), "{said:?}");
    assert!(registry.seen().iter().all(|seen| seen.header("host") == Some(HOST)));
    registry.forget();
    // One for something else, and an exception for this host.
    run(&bench, &push, &[("HTTPS_PROXY", &proxy)]).refuses("E-NETWORK", 11);
    run(&bench, &push, &[("HTTP_PROXY", &proxy), ("NO_PROXY", "other.test,registry.test")])
        .refuses("E-NETWORK", 11);
    assert!(registry.seen().is_empty());
}

#[test]
fn a_proxy_tunnels_what_is_encrypted_and_learns_nothing() {
    let tls = Tls::new(Clients::Certified);
    let (user, password) = ("me".to_owned(), "hunter2".to_owned());
    let access = Access::Basic { user, password };
    let registry = Registry::with().tls(&tls).rules(|rules| rules.access = access).start();
    let (bench, tunnel) = (Bench::with_signed_model(), Tunnel::to(registry.port()));
    let (certificate, key) = tls.client();
    let flags = format!(
        "--registry-ca {} --registry-cert {} --registry-key {}",
        tls.authority().display(),
        certificate.display(),
        key.display()
    );
    let proxy = format!("http://wall:open@{}", tunnel.address);
    let variables = [
        ("HTTPS_PROXY", proxy.as_str()),
        ("LACRE_REGISTRY_HOST", HOST),
        ("LACRE_REGISTRY_USERNAME", "me"),
        ("LACRE_REGISTRY_PASSWORD", "hunter2"),
    ];
    for line in [
        format!("push MODEL {HOST}/org/m:v1 {flags}"),
        format!("pull {HOST}/org/m:v1 OUT --key k.pub {flags}"),
    ] {
        let said = run(&bench, &line, &variables);
        assert_eq!(said.exit, Some(0), "lacre {line}: {said:?}");
    }
    let heads = tunnel.heads();
    assert!(!heads.is_empty());
    for head in heads {
        assert!(head.starts_with("CONNECT registry.test:443 HTTP/1.1\r\n"), "{head}");
        // The proxy's own password (printf wall:open | base64), and not the registry's.
        let shown: Vec<&str> = head.lines().filter(|line| line.contains("Basic ")).collect();
        assert_eq!(shown, ["proxy-authorization: Basic d2FsbDpvcGVu"], "{head}");
    }
    assert!(registry.seen().iter().all(|seen| seen.header("proxy-authorization").is_none()));
    // A proxy that answers in the registry's place, with a certificate of its own authority, gets nothing.
    registry.forget();
    let stranger = TestKey::p256("whoever stands between");
    bench.write(
        "between.pem",
        pem("CERTIFICATE", &Draft::root("between", &stranger).sign(&stranger)).as_bytes(),
    );
    let line = format!("pull {HOST}/org/m:v1 NO --key k.pub --registry-ca between.pem");
    run(&bench, &line, &variables).refuses("E-NETWORK", 11);
    assert!(registry.seen().is_empty());
}

#[test]
fn this_machine_needs_no_proxy() {
    let (registry, wall, bench) = (Registry::start(), Registry::start(), Bench::with_signed_model());
    let proxy = wall.url();
    let variables = [("HTTP_PROXY", proxy.as_str()), ("HTTPS_PROXY", &proxy), ("ALL_PROXY", &proxy)];
    let said = run(&bench, &format!("push MODEL {}/org/m:v1", registry.host()), &variables);
    assert_eq!(said.exit, Some(0), "{said:?}");
    assert!(wall.seen().is_empty() && !registry.seen().is_empty());
}
