//! Lists that come in pages (distribution specification 1.1, "Listing Tags", "Listing Referrers"; RFC 8288).

use reqwest::header::LINK;
use reqwest::{Method, Url};

use super::Remote;
use crate::RegistryError;
use crate::descriptor::MAX_MANIFEST;
use crate::transport::{Answer, Place, Request};

/// Pages that are read for one question.
const MOST: usize = 100;
/// Bytes that all of them have together. Ten thousand referrers as cosign annotates them have seven million.
const BYTES: u64 = 8 * MAX_MANIFEST;

/// What is done with a page.
pub(super) enum Next {
    Page,
    Enough,
}

/// The first page at `place`, whatever its status.
pub(super) fn first(remote: &Remote, place: &str) -> Result<Answer, RegistryError> {
    remote.transport.send(&Request::new(Method::GET, Place::Below(place), &remote.pull))
}

/// Gives each page to `take`, from the one in `answer` on.
///
/// # Errors
/// `E-LIMIT` for too many pages, a page of more than 4 MiB, or more than 32 MiB in all; `E-REGISTRY` when a later page is refused, or when the
/// next one is said to be at another registry.
pub(super) fn each(
    remote: &Remote,
    answer: Answer,
    what: &'static str,
    mut take: impl FnMut(&[u8]) -> Result<Next, RegistryError>,
) -> Result<(), RegistryError> {
    let mut answer = answer;
    let mut bytes = 0;
    for read in 1.. {
        if answer.status() != 200 {
            return Err(answer.refusal());
        }
        let next = next(&answer)?;
        let page = answer.small(MAX_MANIFEST)?;
        bytes += page.len() as u64;
        if bytes > BYTES {
            return Err(RegistryError::TooLarge { document: what.to_owned(), size: bytes, limit: BYTES });
        }
        if let Next::Enough = take(&page)? {
            return Ok(());
        }
        let Some(url) = next else { return Ok(()) };
        if read >= MOST {
            break;
        }
        answer = remote.transport.send(&Request::new(Method::GET, Place::At(url), &remote.pull))?;
    }
    Err(RegistryError::TooMany { what, limit: MOST as u64 })
}

fn next(answer: &Answer) -> Result<Option<Url>, RegistryError> {
    let Some(target) = answer.headers(LINK.as_str()).find_map(next_target) else { return Ok(None) };
    let url = answer.url().join(target);
    let url = url.map_err(|_| answer.told().protocol("its next page is at an address that is none"))?;
    if url.origin() != answer.url().origin() {
        return Err(answer.told().protocol("its next page is at another host"));
    }
    Ok(Some(url))
}

/// The target of the link that is the next page.
pub(super) fn next_target(mut header: &str) -> Option<&str> {
    loop {
        let (target, rest) = header.split_once('<')?.1.split_once('>')?;
        // A comma ends the parameters; ours hold none.
        let (parameters, more) = rest.split_once(',').unwrap_or((rest, ""));
        let is_next =
            parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
            });
        if is_next {
            return Some(target);
        }
        header = more;
    }
}

#[cfg(test)]
mod tests {
    use super::next_target;

    #[test]
    fn the_next_page_is_found_among_links() {
        for (header, target) in [
            (r#"</v2/a/tags/list?n=2&last=b>; rel="next""#, Some("/v2/a/tags/list?n=2&last=b")),
            (r#"<a>; rel="prev", <b>; title=x; rel=next"#, Some("b")),
            (r#"<a,b>;REL="Next""#, Some("a,b")),
            (r#"<a>; rel="prev""#, None),
            (r#"<a; rel="next""#, None),
            ("", None),
            ("next", None),
        ] {
            assert_eq!(next_target(header), target, "{header}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(header: String) {
            next_target(&header);
        }
    }
}
