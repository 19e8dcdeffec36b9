//! The server: connections, and what goes wrong before and after a request is served.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::Shared;
use super::answer::{Answer, Counted, Flow, HangUp, Manner, Stop};
use super::desk::Desk;
use super::fault::Fault;
use super::intake::Intake;
use super::log::{Going, Seen};
use super::query::Query;
use super::wire::{Line, Wire};

/// How long the server's threads have to stop; they never block for long.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that stops when the value goes.
pub(super) struct Running(Option<Runtime>);

impl Running {
    pub(super) fn start(
        listener: TcpListener,
        shared: Arc<Shared>,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("registry")
            .enable_all()
            .build()
            .unwrap();
        listener.set_nonblocking(true).unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let tls = tls.map(TlsAcceptor::from);
            loop {
                // A client that goes away before it is let in is its own affair.
                let Ok((stream, _)) = listener.accept().await else { continue };
                let number = shared.lines.fetch_add(1, Ordering::Relaxed);
                let line = Line::new(number, shared.rules.lock().unwrap().cut);
                let wire = Wire::new(stream, Arc::clone(&line));
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => connection(wire, shared, line).await,
                        Some(tls) => {
                            if let Ok(secured) = tls.accept(wire).await {
                                connection(secured, shared, line).await;
                            }
                        }
                    }
                });
            }
        });
        Self(Some(runtime))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(runtime) = self.0.take() else { return };
        // On a thread of its own: a runtime must not be stopped from within another one, and tests may have one.
        let _ = thread::spawn(move || runtime.shutdown_timeout(PATIENCE)).join();
    }
}

async fn connection<S>(stream: S, shared: Arc<Shared>, line: Arc<Line>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let service = service_fn(|request| request_on(Arc::clone(&shared), Arc::clone(&line), request));
    // How a connection ends is seen by the client.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn request_on(
    shared: Arc<Shared>,
    line: Arc<Line>,
    request: Request<Incoming>,
) -> io::Result<Response<Flow>> {
    let (head, incoming) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let method = head.method.as_str().to_owned();
    let headers = head.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let seen = shared.log.enter(Seen {
        method: method.clone(),
        target: target.clone(),
        headers: headers.collect(),
        connection: line.number,
        ..Seen::default()
    });
    let faults = shared.faults.of(&method, &target);
    // Before everything that is to be dropped before it.
    let going = Going(seen.clone());
    let cut = faults.iter().find_map(|fault| match fault {
        Fault::CutRequest { after } => Some(*after),
        _ => None,
    });
    let waited_for = head.headers.contains_key("expect");
    let rules = shared.rules.lock().unwrap().clone();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let dam = Arc::clone(&shared.dam);
    let mut desk = Desk {
        shared,
        rules,
        method: method.clone(),
        query: Query::parse(query),
        headers: head.headers,
        body: Intake::new(incoming, seen.clone(), Arc::clone(&dam), cut, waited_for),
    };
    match answer(&mut desk, path, &target, faults).await {
        Ok((answer, manner)) => Ok(answer.send(&method, manner, line, Counted { going, dam })),
        Err(HangUp) => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// The answer after all that goes wrong with it, and how it is sent.
async fn answer(
    desk: &mut Desk,
    path: &str,
    target: &str,
    faults: Vec<Fault>,
) -> Result<(Answer, Manner), HangUp> {
    let mut instead = None;
    for fault in &faults {
        match fault {
            Fault::HangUp => return Err(HangUp),
            Fault::Silence => match pending::<Infallible>().await {},
            Fault::Hold(gate) => gate.pass().await,
            Fault::Late(pause) => tokio::time::sleep(*pause).await,
            Fault::Answer { status, headers, body } => {
                let full = Answer::full(*status, "application/octet-stream", body.clone());
                instead = Some(headers.iter().fold(full, |answer, (name, value)| answer.with(name, value)));
            }
            Fault::Redirect { status, to } => {
                instead = Some(Answer::empty(*status).with("location", format!("{to}{target}")));
            }
            _ => {}
        }
    }
    let mut answer = match instead {
        Some(answer) => answer,
        None => desk.serve(path).await?,
    };
    desk.body.drain().await?;
    let mut manner = Manner::default();
    for fault in faults {
        match fault {
            Fault::LoseAnswer => return Err(HangUp),
            Fault::HoldAnswer(gate) => gate.pass().await,
            Fault::CutAnswer { after } => manner.stop = Some((after, Stop::HangUp)),
            Fault::Stall { after } => manner.stop = Some((after, Stop::Stall)),
            Fault::Slow { piece, pause } => manner.slow = Some((piece, pause)),
            Fault::Without(name) => answer = answer.without(name),
            Fault::With(name, value) => answer = answer.with(name, value),
            Fault::Body(lie) => answer = answer.lying(lie),
            Fault::HangUp
            | Fault::Hold(_)
            | Fault::Silence
            | Fault::Late(_)
            | Fault::Answer { .. }
            | Fault::Redirect { .. }
            | Fault::CutRequest { .. } => {}
        }
    }
    Ok((answer, manner))
}
