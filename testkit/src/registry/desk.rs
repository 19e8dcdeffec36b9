//! Where a request is received: who asks, for what, and which room answers.

use std::sync::Arc;

use hyper::HeaderMap;

use super::Shared;
use super::answer::{Answer, HangUp};
use super::intake::Intake;
use super::query::{Query, Route};
use super::rules::{Access, Anonymous, Bearer, Etags, Guard, Location, Rules, Writing};
use super::store::State;
use super::tokens::{Scope, Short, TokenRequest, basic};

/// One request at the registry.
pub(super) struct Desk {
    pub(super) shared: Arc<Shared>,
    /// The rules as they were when the request came.
    pub(super) rules: Rules,
    pub(super) method: String,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) body: Intake,
}

impl Desk {
    /// The answer to the request for `path`.
    pub(super) async fn serve(&mut self, path: &str) -> Result<Answer, HangUp> {
        let route = Route::of(path);
        if route == Route::Token {
            return self.token().await;
        }
        if let Some(refusal) = self.guard(&route) {
            return Ok(refusal);
        }
        if let Writing::Refused(status) = self.rules.writing
            && self.writes()
        {
            let code = if status == 405 { "UNSUPPORTED" } else { "DENIED" };
            return Ok(Answer::error(status, code, "this registry is read-only"));
        }
        if let Some(most) = self.rules.largest_body
            && self.content_length().is_some_and(|length| length > most)
        {
            return Ok(Answer::error(413, "SIZE_INVALID", "the body is too large"));
        }
        let method = self.method.clone();
        match (method.as_str(), route) {
            ("GET" | "HEAD", Route::Base) => Ok(Answer::json(200, &serde_json::json!({}))),
            ("GET" | "HEAD", Route::Blob { repository, digest }) => Ok(self.blob(&repository, &digest)),
            ("DELETE", Route::Blob { repository, digest }) => Ok(self.delete_blob(&repository, &digest)),
            ("POST", Route::Uploads { repository }) => self.begin_upload(&repository).await,
            ("PATCH", Route::Upload { repository, id }) => self.chunk(&repository, &id).await,
            ("PUT", Route::Upload { repository, id }) => self.end_upload(&repository, &id).await,
            ("GET", Route::Upload { repository, id }) => Ok(self.upload_status(&repository, &id)),
            ("DELETE", Route::Upload { repository, id }) => Ok(self.abort_upload(&repository, &id)),
            ("GET" | "HEAD", Route::Manifest { repository, reference }) => {
                Ok(self.manifest(&repository, &reference))
            }
            ("PUT", Route::Manifest { repository, reference }) => {
                self.put_manifest(&repository, &reference).await
            }
            ("DELETE", Route::Manifest { repository, reference }) => {
                Ok(self.delete_manifest(&repository, &reference))
            }
            ("GET", Route::Tags { repository }) => Ok(self.tags(&repository)),
            ("GET", Route::Referrers { repository, digest }) => Ok(self.referrers(&repository, &digest)),
            (_, Route::BadName) => Ok(Answer::error(400, "NAME_INVALID", "no name of a repository")),
            (_, Route::Unknown | Route::Token) => Ok(not_found()),
            _ => Ok(Answer::error(405, "UNSUPPORTED", "not a method for this")),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    pub(super) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.store.state.lock().unwrap()
    }

    /// A `Location` of this registry, in the form that the rules want.
    pub(super) fn location(&self, path: &str) -> String {
        match &self.rules.location {
            Location::Relative => path.to_owned(),
            Location::Absolute => format!("{}{path}", self.shared.origin),
            Location::At(origin) => format!("{origin}{path}"),
        }
    }

    /// With `ETag`, where the registry has them.
    pub(super) fn tagged(&self, answer: Answer, digest: &str) -> Answer {
        if self.rules.etags == Etags::Unknown { answer } else { answer.with("etag", format!("\"{digest}\"")) }
    }

    /// The answer when the disk is full.
    pub(super) fn full(&self) -> Answer {
        let status = self.rules.space.map_or(507, |space| space.status);
        Answer::error(status, "UNKNOWN", "no space left on device")
    }

    fn writes(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
    }

    async fn token(&mut self) -> Result<Answer, HangUp> {
        let request = match self.method.as_str() {
            "GET" => Some(TokenRequest::get(&self.query, self.header("authorization"))),
            "POST" => match self.body.whole(64 << 10).await? {
                Ok(form) => TokenRequest::post(&Query::parse(&String::from_utf8_lossy(&form))),
                Err(_) => None,
            },
            _ => None,
        };
        Ok(match request {
            Some(request) => self.shared.store.tokens.answer(&self.rules.access, &request),
            None => Answer::error(400, "UNSUPPORTED", "no request for a token"),
        })
    }

    /// What the route needs: `None` for things that belong to no repository.
    fn scope(&self, route: &Route) -> Option<Scope> {
        let (Route::Blob { repository, .. }
        | Route::Uploads { repository }
        | Route::Upload { repository, .. }
        | Route::Manifest { repository, .. }
        | Route::Tags { repository }
        | Route::Referrers { repository, .. }) = route
        else {
            return None;
        };
        let actions: &[&str] = match (self.method.as_str(), route) {
            // Whoever uploads may look how far it came, and give it up.
            (_, Route::Upload { .. }) | ("POST" | "PUT" | "PATCH", _) => &["pull", "push"],
            ("DELETE", _) => &["delete"],
            _ => &["pull"],
        };
        Some(Scope::new(repository, actions))
    }

    /// Why the request may not be made.
    fn guard(&self, route: &Route) -> Option<Answer> {
        if self.rules.guard == Guard::Writes && !self.writes() {
            return None;
        }
        let authorization = self.header("authorization");
        match &self.rules.access {
            Access::Open => None,
            Access::Basic { user, password } => {
                let given = authorization.and_then(basic);
                if given.is_some_and(|given| (&given.0, &given.1) == (user, password)) {
                    return None;
                }
                Some(challenged("Basic realm=\"registry\""))
            }
            Access::Bearer(bearer) => {
                let needed = self.scope(route);
                let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
                let short = match token {
                    None => "",
                    Some(token) => {
                        match self.shared.store.tokens.spend(token, &bearer.service, needed.as_ref()) {
                            Ok(()) => return None,
                            Err(Short::Unknown) => ",error=\"invalid_token\"",
                            Err(Short::Insufficient) => ",error=\"insufficient_scope\"",
                        }
                    }
                };
                Some(challenged(&self.bearer_challenge(bearer, needed.as_ref(), short)))
            }
        }
    }

    fn bearer_challenge(&self, bearer: &Bearer, needed: Option<&Scope>, short: &str) -> String {
        let realm = bearer.realm.clone().unwrap_or_else(|| format!("{}/token", self.shared.origin));
        let scope = needed.map_or_else(String::new, |scope| format!(",scope=\"{}\"", scope.text()));
        format!("Bearer realm=\"{realm}\",service=\"{}\"{scope}{short}", bearer.service)
    }

    /// Whether the client may read another repository, too.
    pub(super) fn may_pull(&self, repository: &str) -> bool {
        match (&self.rules.access, self.rules.guard) {
            (Access::Bearer(bearer), Guard::Everything) if bearer.anonymous == Anonymous::Nothing => {
                let token = self.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
                let needed = Scope::new(repository, &["pull"]);
                token.is_some_and(|token| self.shared.store.tokens.allows(token, &needed))
            }
            _ => true,
        }
    }
}

fn challenged(challenge: &str) -> Answer {
    Answer::error(401, "UNAUTHORIZED", "authentication required").with("www-authenticate", challenge)
}

/// As a server answers that has no such page.
pub(super) fn not_found() -> Answer {
    Answer::full(404, "text/plain; charset=utf-8", b"404 page not found\n".to_vec())
}
