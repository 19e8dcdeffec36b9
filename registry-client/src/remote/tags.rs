//! Tags (distribution specification 1.1, "Listing Tags").

use reqwest::Method;
use serde::Deserialize;

use super::pages::{self, Next};
use super::{Remote, manifests};
use crate::RegistryError;
use crate::descriptor::{Descriptor, JSON_LIMITS};
use crate::layout::MAX_CANDIDATES;
use crate::reference::{Tag, Target};
use crate::transport::{Place, Request};

/// Tags that are asked for at once.
const PAGE: usize = 1000;

#[derive(Deserialize)]
struct List {
    // `null` is how some registries say that there are none.
    tags: Option<Vec<String>>,
}

/// All tags, in order; nothing when the registry knows no such repository.
pub(super) fn all(remote: &Remote) -> Result<Option<Vec<String>>, RegistryError> {
    let answer = pages::first(remote, &remote.place(&format!("tags/list?n={PAGE}")))?;
    if answer.status() == 404 {
        return Ok(None);
    }
    let mut tags = Vec::new();
    pages::each(remote, answer, "pages of tags", |page| {
        tags.extend(parse(page)?);
        if tags.len() as u64 > MAX_CANDIDATES {
            return Err(RegistryError::TooMany { what: "tags", limit: MAX_CANDIDATES });
        }
        Ok(Next::Page)
    })?;
    tags.sort();
    tags.dedup();
    Ok(Some(tags))
}

/// The tags that begin with `prefix`, from the registry's ordered list; nothing when it lists none.
///
/// Registries that do not begin where they are asked to cost more pages, and give the same.
pub(super) fn beginning_with(remote: &Remote, prefix: &str) -> Result<Option<Vec<String>>, RegistryError> {
    let place = remote.place(&format!("tags/list?n={PAGE}&last={prefix}"));
    let answer = remote.transport.send(&Request::new(Method::GET, Place::Below(&place), &remote.pull))?;
    if matches!(answer.status(), 401 | 403 | 404 | 405) {
        return Ok(None);
    }
    let mut found = Vec::new();
    pages::each(remote, answer, "pages of tags", |page| {
        let tags = parse(page)?;
        // The list is in the order of ASCII, so what begins alike stands together.
        let beyond = tags.last().is_some_and(|last| last.as_str() > prefix && !last.starts_with(prefix));
        found.extend(tags.into_iter().filter(|tag| tag.starts_with(prefix)));
        if found.len() as u64 > MAX_CANDIDATES {
            return Err(RegistryError::TooMany { what: "tags", limit: MAX_CANDIDATES });
        }
        Ok(if beyond { Next::Enough } else { Next::Page })
    })?;
    found.sort();
    found.dedup();
    Ok(Some(found))
}

/// All tags with their manifests.
pub(super) fn resolved(remote: &Remote) -> Result<Vec<(Tag, Descriptor)>, RegistryError> {
    let mut found = Vec::new();
    for text in all(remote)?.unwrap_or_default() {
        let Ok(tag) = Tag::parse(&text) else { continue };
        let descriptor = manifests::resolve(remote, &Target::Tag(tag.clone()))?;
        found.push((tag, descriptor));
    }
    Ok(found)
}

pub(super) fn parse(page: &[u8]) -> Result<Vec<String>, RegistryError> {
    let list: List = lacre_json::from_slice(page, JSON_LIMITS)
        .map_err(|source| RegistryError::Json { document: "the list of tags".to_owned(), source })?;
    Ok(list.tags.unwrap_or_default())
}
