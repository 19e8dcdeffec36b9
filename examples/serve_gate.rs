//! A service that serves nothing but a model that its policy admits without a waiver, and only as long as its channel says so.
//!
//! ```text
//! policy ─ candidate ─ judge ─ seal ─► Verified<Model, Strict> ─► /tensor/NAME     its bytes, out of sealed memory
//! channel ─ follow ─┘                                             /healthz         200 serving, 503 draining
//!    └─ again every minute ─ may it run still? ─ no ─► draining   /verification    what was decided, and when
//! ```
//!
//! The channel lies in a folder, and STATE is what `lacre channel trust` made. POLICY must have a `[policy.release]`.
//!
//! ```text
//! cargo run -p lacre-deliver --example serve_gate -- MODEL POLICY CHANNEL STATE org/name@stable 127.0.0.1:8080
//! ```

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as Name, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use jiff::Timestamp;
use lacre_deliver::{Memory, accepted, contents, follow, kept};
use lacre_registry_client::FolderFiles;
use lacre_release::{Channel, ChannelId, StateStore, Wanted};
use lacre_verify::{
    EntryPath, Facts, Links, LoadOptions, Model, NoProgress, Policy, Requirements, SealedFile, Strict,
    Tensors, Unverified, Verified, VerifyError,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How often the channel is asked, and how long those who balance loads have to see that nothing more is served.
const EVERY: Duration = Duration::from_mins(1);
const DRAIN: Duration = Duration::from_secs(10);

/// By what is decided.
struct Gate {
    policy: Policy,
    channel: FolderFiles,
    state: StateStore,
}

impl Gate {
    /// The channel as it is now. One that does not answer is believed as it was kept, until that expires.
    fn channel(&self) -> Outcome<Channel> {
        let (memory, now) = (Memory::Kept(&self.state), Timestamp::now());
        Ok(follow(&self.channel, &memory, now).or_else(|_| kept(&memory, now))?)
    }

    /// The model, if it may run here, and not by a waiver: the type says so.
    fn load(&self, path: &Path) -> Outcome<Loaded> {
        let base = Requirements::beside_policy(std::num::NonZeroUsize::MIN);
        let candidate = self.policy.candidate(Unverified::open(path, None, Links::Refuse, &base)?, &base)?;
        let claim = candidate.claim().claim();
        let wanted = contents(claim, claim.manifest()).ok_or("the signature lists no sizes")?;
        let (channel, beside) = (self.channel()?, candidate.beside().to_vec());
        let facts = candidate.facts().channel(&channel, Wanted::Contents(wanted), None, None);
        let judgement = candidate.judge(&facts);
        // What is not met is refused before gigabytes are read, whatever the rule waives.
        judgement.refusal_unless_strict()?;
        let (passed, mut files) = candidate.seal(judgement, &LoadOptions::new(), &NoProgress)?;
        let permit = passed.judgement.permit().ok_or("the policy asks no channel")?;
        accepted(&Memory::Kept(&self.state), permit)?;
        let (at, release) = (permit.position(), permit.release());
        let decided = json!({
            "policy": { "rule": passed.judgement.rule(), "sha256": self.policy.digest().to_string() },
            "channel": { "id": channel.document().id().to_string(), "epoch": at.epoch, "sequence": at.sequence,
                "counter": release.counter, "version": release.version.to_string() },
        });
        let model = passed.model.strict().map_err(|waived| format!("only waived: {:?}", waived.failed()))?;
        let tensors = model.tensors_from(|name| {
            let sealed = EntryPath::parse(name).ok().and_then(|name| files.remove(&name));
            sealed.ok_or_else(|| VerifyError::NotSigned { what: "the file", name: name.to_owned() })
        })?;
        Ok(Loaded { model, beside, tensors, decided })
    }

    /// Whether it may run still.
    fn look_again(&self, loaded: &Loaded) -> Outcome<()> {
        let (channel, claim) = (self.channel()?, loaded.model.claim());
        let wanted = contents(claim, claim.manifest()).ok_or("the signature lists no sizes")?;
        let facts = Facts::of_content(&loaded.model).attestations(&loaded.beside);
        let facts = facts.channel(&channel, Wanted::Contents(wanted), None, None);
        Ok(self.policy.rule_for(None, claim.name())?.still_stands(&facts)?)
    }
}

/// What is served.
struct Loaded {
    model: Verified<Model, Strict>,
    beside: Vec<Vec<u8>>,
    tensors: Tensors<SealedFile>,
    decided: Value,
}

struct Service {
    loaded: Loaded,
    /// When the channel was asked last, and why nothing more is served, if nothing is.
    asked: Mutex<(Timestamp, Option<String>)>,
}

impl Service {
    fn asked(&self) -> (Timestamp, Option<String>) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks every so often, until the answer is no.
    fn watch(&self, gate: &Gate, every: Duration, drain: &watch::Sender<bool>) {
        loop {
            std::thread::sleep(every);
            let refused = gate.look_again(&self.loaded).err().map(|error| error.to_string());
            let is_over = refused.is_some();
            *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = (Timestamp::now(), refused);
            if is_over {
                drain.send_replace(true);
                return;
            }
        }
    }
}

async fn healthz(State(service): State<Arc<Service>>) -> (StatusCode, &'static str) {
    match service.asked() {
        (_, None) => (StatusCode::OK, "serving\n"),
        (_, Some(_)) => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

async fn verification(State(service): State<Arc<Service>>) -> Json<Value> {
    let ((checked_at, refused), Loaded { model, decided, .. }) = (service.asked(), &service.loaded);
    let claim = model.claim();
    Json(json!({
        "verdict": if refused.is_some() { "denied" } else { "allowed" },
        "reason": refused,
        "checked_at": checked_at.to_string(),
        "model": { "name": claim.name(), "version": claim.version(), "root": claim.root().to_string() },
        "signers": model.signers(),
        "policy": decided["policy"],
        "channel": decided["channel"],
    }))
}

async fn tensor(State(service): State<Arc<Service>>, Name(name): Name<String>) -> Response {
    if service.asked().1.is_some() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    let Ok(found) = service.loaded.tensors.tensor(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let shape = found.shape().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let header = |name, value| (HeaderName::from_static(name), value);
    ([header("dtype", found.dtype().to_string()), header("shape", shape)], found.into_data()).into_response()
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, policy, channel, state, id, listen, times @ ..] = arguments.as_slice() else {
        return Err(
            "usage: serve_gate MODEL POLICY CHANNEL STATE ID ADDRESS [EVERY [DRAIN]], in seconds".into()
        );
    };
    let seconds =
        |at: usize, usual| times.get(at).map_or(Ok(usual), |it| it.parse().map(Duration::from_secs));
    let (every, drain) = (seconds(0, EVERY)?, seconds(1, DRAIN)?);
    let state = StateStore::open(state.as_ref(), &id.parse::<ChannelId>()?)?;
    let gate =
        Gate { policy: Policy::read(policy.as_ref())?, channel: FolderFiles::open(channel.as_ref())?, state };
    let loaded = gate.load(model.as_ref())?;
    let service = Arc::new(Service { loaded, asked: Mutex::new((Timestamp::now(), None)) });

    let listener = TcpListener::bind(listen).await?;
    writeln!(std::io::stdout(), "listening on {}", listener.local_addr()?)?;
    let (drained, mut draining) = watch::channel(false);
    let watched = Arc::clone(&service);
    std::thread::spawn(move || watched.watch(&gate, every, &drained));
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/verification", get(verification))
        .route("/tensor/{name}", get(tensor))
        .with_state(Arc::clone(&service));
    // Who stops listening at once tells nobody why. What was begun is finished in any case. A watch that panicked ends it, too.
    let over = async move {
        let _ = draining.wait_for(|is_over| *is_over).await;
        tokio::time::sleep(drain).await;
    };
    axum::serve(listener, routes).with_graceful_shutdown(over).await?;
    Err(service.asked().1.unwrap_or_else(|| "nobody asks the channel any more".to_owned()).into())
}
