//! The token server, and what its tokens are good for.

use std::collections::HashMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::answer::Answer;
use super::query::Query;
use super::rules::{Access, Anonymous, Audience, Bearer};

/// The tokens that were issued.
#[derive(Default)]
pub(super) struct Tokens {
    issued: Mutex<HashMap<String, Grant>>,
}

struct Grant {
    service: String,
    scopes: Vec<Scope>,
    left: Option<u64>,
}

/// What a token allows in a repository, or a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) repository: String,
    pub(super) actions: Vec<String>,
}

impl Scope {
    pub(super) fn new(repository: &str, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        Self { repository: repository.to_owned(), actions }
    }

    /// `repository:NAME:ACTION,ACTION`
    fn parse(text: &str) -> Option<Self> {
        let (name, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
        Some(Self::new(name, &actions.split(',').collect::<Vec<_>>()))
    }

    pub(super) fn text(&self) -> String {
        format!("repository:{}:{}", self.repository, self.actions.join(","))
    }

    fn allows(&self, needed: &Self) -> bool {
        self.repository == needed.repository
            && needed.actions.iter().all(|action| self.actions.contains(action))
    }
}

/// Why a token is not enough.
pub(super) enum Short {
    Unknown,
    Insufficient,
}

impl Tokens {
    fn issue(&self, bearer: &Bearer, scopes: Vec<Scope>) -> String {
        let mut issued = self.issued.lock().unwrap();
        let token = format!("token-{}", issued.len() + 1);
        let service = match bearer.audience {
            Audience::TheRegistry => bearer.service.clone(),
            Audience::Another => "another.test".to_owned(),
        };
        issued.insert(token.clone(), Grant { service, scopes, left: bearer.good_for });
        token
    }

    /// Whether a request that needs `needed` may be made with this token, which it uses up by one.
    pub(super) fn spend(&self, token: &str, service: &str, needed: Option<&Scope>) -> Result<(), Short> {
        let mut issued = self.issued.lock().unwrap();
        let grant = issued.get_mut(token).filter(|grant| grant.service == service).ok_or(Short::Unknown)?;
        match &mut grant.left {
            Some(0) => return Err(Short::Unknown),
            Some(left) => *left -= 1,
            None => {}
        }
        let enough = needed.is_none_or(|needed| grant.scopes.iter().any(|scope| scope.allows(needed)));
        if enough { Ok(()) } else { Err(Short::Insufficient) }
    }

    /// Whether the token allows this, without using it up.
    pub(super) fn allows(&self, token: &str, needed: &Scope) -> bool {
        self.issued
            .lock()
            .unwrap()
            .get(token)
            .is_some_and(|grant| grant.scopes.iter().any(|scope| scope.allows(needed)))
    }

    /// No token is good for anything from now on.
    pub(super) fn revoke(&self) {
        for grant in self.issued.lock().unwrap().values_mut() {
            grant.left = Some(0);
        }
    }

    /// The answer of the token server.
    pub(super) fn answer(&self, access: &Access, request: &TokenRequest) -> Answer {
        let Access::Bearer(bearer) = access else { return Answer::empty(404) };
        let reads_only = |scopes: Vec<Scope>| {
            let pulls = |scope: &Scope| scope.actions.iter().any(|action| action == "pull");
            scopes
                .into_iter()
                .filter(pulls)
                .map(|scope| Scope::new(&scope.repository, &["pull"]))
                .collect::<Vec<_>>()
        };
        let scopes = request.scopes();
        let scopes = match request {
            TokenRequest::Get { basic: Some((user, password)), .. }
            | TokenRequest::Password { user, password, .. } => {
                if (user, password) != (&bearer.user, &bearer.password) {
                    return Answer::error(401, "UNAUTHORIZED", "wrong user or password");
                }
                scopes
            }
            TokenRequest::Get { basic: None, .. } => match bearer.anonymous {
                Anonymous::Nothing => return Answer::error(401, "UNAUTHORIZED", "credentials are needed"),
                Anonymous::Pull => reads_only(scopes),
            },
            TokenRequest::Refresh { token, .. } => {
                if Some(token) != bearer.identity_token.as_ref() {
                    return Answer::error(401, "UNAUTHORIZED", "not the identity token");
                }
                scopes
            }
        };
        let mut body = json!({});
        if let Some(seconds) = bearer.told_seconds {
            body["expires_in"] = seconds.into();
        }
        let token = self.issue(bearer, scopes);
        // `token` is the older name; the answer to POST has the one of OAuth 2 only.
        if let TokenRequest::Get { .. } = request {
            body["token"] = token.clone().into();
        }
        body["access_token"] = token.into();
        Answer::json(200, &body)
    }
}

/// What the token server is asked.
pub(super) enum TokenRequest {
    Get { basic: Option<(String, String)>, scope: Vec<String> },
    Password { user: String, password: String, scope: Vec<String> },
    Refresh { token: String, scope: Vec<String> },
}

impl TokenRequest {
    pub(super) fn get(query: &Query, authorization: Option<&str>) -> Self {
        Self::Get {
            basic: authorization.and_then(basic),
            scope: query.all("scope").map(str::to_owned).collect(),
        }
    }

    /// A form; `None` if it is not one of ours.
    pub(super) fn post(form: &Query) -> Option<Self> {
        // In a form, `+` is a space.
        let field = |name| form.first(name).map(|value| value.replace('+', " "));
        let scope = field("scope").unwrap_or_default().split(' ').map(str::to_owned).collect::<Vec<String>>();
        match field("grant_type")?.as_str() {
            "password" => {
                Some(Self::Password { user: field("username")?, password: field("password")?, scope })
            }
            "refresh_token" => Some(Self::Refresh { token: form.first("refresh_token")?.to_owned(), scope }),
            _ => None,
        }
    }

    fn scopes(&self) -> Vec<Scope> {
        let (Self::Get { scope, .. } | Self::Password { scope, .. } | Self::Refresh { scope, .. }) = self;
        scope.iter().flat_map(|text| text.split(' ')).filter_map(Scope::parse).collect()
    }
}

/// User and password of `Basic …`.
pub(super) fn basic(authorization: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(authorization.strip_prefix("Basic ")?).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
