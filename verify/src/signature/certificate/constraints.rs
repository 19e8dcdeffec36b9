//! Name constraints (RFC 5280, section 4.2.1.10). What is in doubt is refused: a permitted name must match exactly, an
//! excluded one matches generously.

use x509_cert::der::Encode;
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::{Name, RelativeDistinguishedName};

use lacre_manifest::escape;

use super::names::{shown, string_of};
use super::problem::CertificateProblem;
use super::x509::Certificate;

/// At most this many names are compared with constraints, for one pair of certificates.
const COMPARISONS: usize = 100_000;

/// Checks the names of `below`, a certificate somewhere under the one that has these constraints.
pub(super) fn check(constraints: &NameConstraints, below: &Certificate) -> Result<(), CertificateProblem> {
    let permitted = constraints.permitted_subtrees.as_deref().unwrap_or_default();
    let excluded = constraints.excluded_subtrees.as_deref().unwrap_or_default();
    for subtree in permitted.iter().chain(excluded) {
        understood(subtree)?;
    }
    let mut names: Vec<Certified<'_>> =
        below.extensions.alternative_names.iter().map(Certified::of).collect();
    if !below.subject_name.is_empty() {
        names.push(Certified::Directory(&below.subject_name));
        names.extend(emails(&below.subject_name).map(Certified::Email));
    }
    if names.len().saturating_mul(permitted.len() + excluded.len()) > COMPARISONS {
        return Err(CertificateProblem::ConstraintForm { detail: "more of them than are compared" });
    }
    for name in names {
        let mut permitted = permitted.iter().filter(|subtree| name.is_of_kind(&subtree.base)).peekable();
        let mut excluded = excluded.iter().filter(|subtree| name.is_of_kind(&subtree.base));
        let is_permitted =
            permitted.peek().is_none() || permitted.any(|subtree| name.is_surely_in(&subtree.base));
        if !is_permitted || excluded.any(|subtree| name.is_perhaps_in(&subtree.base)) {
            return Err(CertificateProblem::Constrained { name: name.shown() });
        }
    }
    Ok(())
}

/// Whether the subtree is of a kind that is honoured, without the fields that RFC 5280 does not use.
fn understood(subtree: &GeneralSubtree) -> Result<(), CertificateProblem> {
    let refused = |detail| Err(CertificateProblem::ConstraintForm { detail });
    match &subtree.base {
        GeneralName::DnsName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::DirectoryName(_) => {}
        _ => return refused("names that are no DNS name, e-mail address, URI or directory name"),
    }
    if subtree.minimum != 0 || subtree.maximum.is_some() {
        return refused("a minimum or a maximum");
    }
    Ok(())
}

/// A name that a certificate certifies.
enum Certified<'a> {
    Dns(&'a str),
    Email(&'a str),
    Uri(&'a str),
    Directory(&'a Name),
    /// A kind that cannot be constrained here: constraints of such kinds were refused before.
    Other,
}

impl<'a> Certified<'a> {
    fn of(name: &'a GeneralName) -> Self {
        match name {
            GeneralName::DnsName(text) => Self::Dns(text.as_str()),
            GeneralName::Rfc822Name(text) => Self::Email(text.as_str()),
            GeneralName::UniformResourceIdentifier(text) => Self::Uri(text.as_str()),
            GeneralName::DirectoryName(name) => Self::Directory(name),
            _ => Self::Other,
        }
    }

    fn is_of_kind(&self, base: &GeneralName) -> bool {
        matches!(
            (self, base),
            (Self::Dns(_), GeneralName::DnsName(_))
                | (Self::Email(_), GeneralName::Rfc822Name(_))
                | (Self::Uri(_), GeneralName::UniformResourceIdentifier(_))
                | (Self::Directory(_), GeneralName::DirectoryName(_))
        )
    }

    fn shown(&self) -> String {
        match self {
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) => format!("\"{}\"", escape(text)),
            Self::Directory(name) => shown(name),
            Self::Other => "of another kind".to_owned(),
        }
    }

    /// For permitted subtrees: a name whose form is in doubt is in none.
    fn is_surely_in(&self, base: &GeneralName) -> bool {
        match (self, base) {
            // A wildcard stands for names below what follows it, all of which must be permitted.
            (Self::Dns(name), GeneralName::DnsName(base)) => host(name.strip_prefix("*.").unwrap_or(name))
                .is_some_and(|host| is_dns_in(host, base.as_str())),
            (Self::Email(name), GeneralName::Rfc822Name(base)) => email_in(name, base.as_str()) == Some(true),
            (Self::Uri(name), GeneralName::UniformResourceIdentifier(base)) => {
                uri_host(name).is_some_and(|host| is_host_in(host, base.as_str()))
            }
            (Self::Directory(name), GeneralName::DirectoryName(base)) => {
                is_directory_in(name, base, |part, wanted| part.to_der().ok() == wanted.to_der().ok())
            }
            _ => false,
        }
    }

    /// For excluded subtrees: a name whose form is in doubt is in all.
    fn is_perhaps_in(&self, base: &GeneralName) -> bool {
        match (self, base) {
            (Self::Dns(name), GeneralName::DnsName(base)) => match name.strip_prefix("*.") {
                None => host(name).is_none_or(|host| is_dns_in(host, base.as_str())),
                Some(rest) => host(rest).is_none_or(|host| {
                    is_dns_in(host, base.as_str()) || is_dns_in(base.as_str().trim_start_matches('.'), host)
                }),
            },
            (Self::Email(name), GeneralName::Rfc822Name(base)) => {
                email_in(name, base.as_str()) != Some(false)
            }
            (Self::Uri(name), GeneralName::UniformResourceIdentifier(base)) => {
                uri_host(name).is_none_or(|host| is_host_in(host, base.as_str()))
            }
            (Self::Directory(name), GeneralName::DirectoryName(base)) => {
                is_directory_in(name, base, is_alike)
            }
            _ => true,
        }
    }
}

/// A host name in plain form: labels of letters, digits, hyphens and underscores, none empty, not an address.
fn host(text: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let labels_are_plain = text.split('.').all(|label| !label.is_empty() && label.bytes().all(plain));
    let is_address = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (labels_are_plain && !is_address).then_some(text)
}

/// DNS names: the base itself, and everything below it. With a leading dot, only what is below. Empty: everything.
fn is_dns_in(name: &str, base: &str) -> bool {
    base.is_empty()
        || base.strip_prefix('.').map_or_else(
            || name.eq_ignore_ascii_case(base) || is_below(name, base),
            |base| is_below(name, base),
        )
}

/// Hosts of URIs and e-mail addresses: the base itself, or, with a leading dot, everything below it.
fn is_host_in(name: &str, base: &str) -> bool {
    base.strip_prefix('.').map_or_else(|| name.eq_ignore_ascii_case(base), |base| is_below(name, base))
}

fn is_below(name: &str, base: &str) -> bool {
    let cut = name.len().checked_sub(base.len());
    cut.filter(|cut| *cut > 1).is_some_and(|cut| {
        name.is_char_boundary(cut)
            && name[cut..].eq_ignore_ascii_case(base)
            && name.as_bytes()[cut - 1] == b'.'
    })
}

/// A base with `@` is one mailbox; another one is a host. `None`: the address has no plain form.
fn email_in(name: &str, base: &str) -> Option<bool> {
    let (local, domain) =
        name.split_once('@').filter(|(local, rest)| !local.is_empty() && !rest.contains('@'))?;
    let domain = host(domain)?;
    Some(match base.split_once('@') {
        Some((wanted, at)) => local == wanted && domain.eq_ignore_ascii_case(at),
        None => is_host_in(domain, base),
    })
}

/// The host of a URI that has one: `scheme://host[:port]…`, with nobody before the host.
fn uri_host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let name = match authority.split_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) => return None,
        None => authority,
    };
    host(name)
}

/// Whether `name` begins with the parts of `base`.
fn is_directory_in(
    name: &Name,
    base: &Name,
    same: impl Fn(&RelativeDistinguishedName, &RelativeDistinguishedName) -> bool,
) -> bool {
    base.len() <= name.len() && name.iter_rdn().zip(base.iter_rdn()).all(|(part, wanted)| same(part, wanted))
}

/// Equal but for letter case, white space and the type of string; also where a text is of a type that is not read.
fn is_alike(part: &RelativeDistinguishedName, wanted: &RelativeDistinguishedName) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    part.len() == wanted.len()
        && part.iter().all(|one| {
            wanted.iter().any(|other| {
                one.oid == other.oid
                    && match (string_of(&one.value), string_of(&other.value)) {
                        (Some(one), Some(other)) => plain(one) == plain(other),
                        _ => true,
                    }
            })
        })
}

/// The e-mail addresses in a subject.
fn emails(name: &Name) -> impl Iterator<Item = &str> {
    name.iter().filter(|attribute| attribute.oid.to_string() == "1.2.840.113549.1.9.1").map(|attribute| {
        // One that cannot be read has no plain form, and is refused as such.
        string_of(&attribute.value).unwrap_or_default()
    })
}
