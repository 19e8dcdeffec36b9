//! How a registry is, as opposed to what goes wrong in one request: the choices that OCI 1.1 leaves, and the liberties
//! that registries take.

/// The manner of a registry. The default is what the specification asks for, in full.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The referrers API.
    pub referrers: Referrers,
    /// `OCI-Subject` in the answer to a manifest that has a subject.
    pub subject: SubjectHeader,
    /// What `?artifactType=` does.
    pub filter: Filter,
    /// How lists of referrers are cut into pages.
    pub pages: Pages,
    /// How many tags a page has at most, whatever the client asks for.
    pub tags_per_page: Option<usize>,
    /// `POST ?digest=` with the blob as its body.
    pub single_post: SinglePost,
    /// Chunks.
    pub patch: Patch,
    /// `OCI-Chunk-Min-Length`, enforced: no chunk may follow a shorter one.
    pub chunk_min: Option<u64>,
    /// What becomes of a session whose request broke off.
    pub interrupted: Interrupted,
    /// What a session says to a request that uses an older `Location` than the last one.
    pub stale: Stale,
    /// `POST ?mount=&from=`.
    pub mount: Mount,
    /// The form of every `Location`.
    pub location: Location,
    /// Bytes that a request's body may have; 413 above.
    pub largest_body: Option<u64>,
    /// Bytes that can be stored, and the status when they are used up.
    pub space: Option<Space>,
    /// Whether anything can be written.
    pub writing: Writing,
    /// Whether manifests can name blobs that are not there.
    pub dangling: Dangling,
    /// `ETag`, `If-Match` and `If-None-Match`.
    pub etags: Etags,
    /// `Range`.
    pub ranges: Ranges,
    /// Who may come in.
    pub access: Access,
    /// What credentials are asked for.
    pub guard: Guard,
    /// Every connection ends after so many bytes.
    pub cut: Cut,
}

/// See [`Rules::referrers`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Referrers {
    /// It is there.
    #[default]
    Served,
    /// It is not: 404 with `text/plain`, as registries answer that have never heard of it.
    Absent,
}

/// See [`Rules::subject`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SubjectHeader {
    /// Sent if the referrers API is there.
    #[default]
    WithTheApi,
    /// Never sent, API or not.
    Withheld,
}

/// See [`Rules::filter`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Filter {
    /// It filters, and `OCI-Filters-Applied` says so.
    #[default]
    Applied,
    /// It is ignored.
    Ignored,
    /// It is ignored, and `OCI-Filters-Applied` lies.
    Claimed,
}

/// See [`Rules::pages`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pages {
    /// All at once.
    #[default]
    Whole,
    /// So many on a page, with `Link` to the next.
    Of(usize),
    /// The same, but every page has a next one, with nothing on it when the list is over.
    Endless(usize),
    /// So many on the first page, which is its own next one.
    Circle(usize),
}

/// See [`Rules::single_post`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SinglePost {
    /// The blob is there, 201.
    #[default]
    Stores,
    /// The body is thrown away and a session begins, 202.
    OpensSession,
}

/// See [`Rules::patch`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patch {
    /// Taken.
    #[default]
    Taken,
    /// Refused with this status.
    Refused(u16),
}

/// See [`Rules::interrupted`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Interrupted {
    /// What came is kept.
    #[default]
    Kept,
    /// It is as it was before the request.
    Forgotten,
    /// It is gone.
    Gone,
}

/// See [`Rules::stale`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stale {
    /// Served all the same. A `Location` that was not taken over whole is refused in any case.
    #[default]
    Served,
    /// 416 with the place to go on from.
    Refused,
}

/// See [`Rules::mount`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mount {
    /// The blob is there, 201, if the other repository holds it.
    #[default]
    Done,
    /// A session begins, 202.
    OpensSession,
}

/// See [`Rules::location`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Location {
    /// A path.
    #[default]
    Relative,
    /// With scheme and host.
    Absolute,
    /// With another scheme and host, such as `https://127.0.0.1:5001`.
    At(String),
}

/// See [`Rules::space`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes of blobs and manifests.
    pub bytes: u64,
    /// 500, 507.
    pub status: u16,
}

/// See [`Rules::writing`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Writing {
    /// It can.
    #[default]
    Allowed,
    /// It cannot: 405 `UNSUPPORTED`, 403 `DENIED`.
    Refused(u16),
}

/// See [`Rules::dangling`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dangling {
    /// 404 `MANIFEST_BLOB_UNKNOWN`.
    #[default]
    Refused,
    /// They can.
    Taken,
}

/// See [`Rules::etags`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Etags {
    /// None is sent, conditions are ignored.
    #[default]
    Unknown,
    /// They are sent, conditions are ignored.
    Sent,
    /// They are sent, and conditions hold: 412, 304.
    Honoured,
}

/// See [`Rules::ranges`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ranges {
    /// 206.
    #[default]
    Served,
    /// 200 with everything.
    Ignored,
}

/// See [`Rules::cut`]. Bytes are those of the connection: heads, bodies, TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cut {
    /// From the client.
    pub received: Option<u64>,
    /// To the client.
    pub sent: Option<u64>,
}

/// See [`Rules::access`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    #[default]
    Open,
    /// Whoever knows the password.
    Basic {
        /// The user's name.
        user: String,
        /// Their password.
        password: String,
    },
    /// Whoever has a token of a token server.
    Bearer(Bearer),
}

/// See [`Rules::guard`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Guard {
    /// For everything.
    #[default]
    Everything,
    /// For writing.
    Writes,
}

/// A registry with tokens, and the token server that it names.
///
/// Every registry is a token server too, at `/token`: `GET` with Basic credentials or none, `POST` with an identity
/// token (`grant_type=refresh_token`) or a password (`grant_type=password`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// The address of the token server; `None`: this registry's own.
    pub realm: Option<String>,
    /// The name by which the registry is known there.
    pub service: String,
    /// The user's name.
    pub user: String,
    /// Their password.
    pub password: String,
    /// What is taken instead of a password, by `POST`.
    pub identity_token: Option<String>,
    /// What somebody without credentials may do.
    pub anonymous: Anonymous,
    /// `expires_in` of the answer, in seconds; none is told otherwise.
    pub told_seconds: Option<u64>,
    /// Requests that a token is good for, whatever was told.
    pub good_for: Option<u64>,
    /// Whom the tokens are for.
    pub audience: Audience,
}

impl Bearer {
    /// A token server of its own, for one user.
    pub fn new(user: &str, password: &str) -> Self {
        Self {
            realm: None,
            service: "registry.test".to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            identity_token: None,
            anonymous: Anonymous::Nothing,
            told_seconds: Some(300),
            good_for: None,
            audience: Audience::TheRegistry,
        }
    }
}

/// See [`Bearer::anonymous`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Anonymous {
    /// No token.
    #[default]
    Nothing,
    /// A token to read everything.
    Pull,
}

/// See [`Bearer::audience`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Audience {
    /// The registry, which takes them.
    #[default]
    TheRegistry,
    /// Another one: the registry refuses them.
    Another,
}
