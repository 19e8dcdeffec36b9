//! `WWW-Authenticate`: what a registry wants to see (RFC 9110, sections 11.2, 11.3 and 11.6.1).

use std::collections::BTreeMap;

use super::AuthProblem;

/// The longest header, in bytes.
const LONGEST: usize = 8 * 1024;
/// The most challenges of one answer.
const CHALLENGES: usize = 16;
/// The most parameters of one challenge.
const PARAMETERS: usize = 16;

/// One challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A name and a password.
    Basic,
    /// A token of the service at `realm`.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
    /// A scheme that is not spoken here, in lower case.
    Other(String),
}

impl Challenge {
    /// Reads the values of all `WWW-Authenticate` headers of an answer: at least one challenge, each well-formed.
    pub(crate) fn parse_all<'a>(
        headers: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<Self>, AuthProblem> {
        let mut all = Vec::new();
        for header in headers {
            if header.len() > LONGEST {
                return Err(malformed("more than 8192 bytes"));
            }
            Reader { rest: header }.challenges(&mut all)?;
        }
        if all.is_empty() {
            return Err(malformed("there is none"));
        }
        Ok(all)
    }

    fn new(scheme: &str, mut parameters: BTreeMap<String, String>) -> Result<Self, AuthProblem> {
        match scheme {
            "basic" => Ok(Self::Basic),
            "bearer" => {
                let Some(realm) = parameters.remove("realm") else {
                    return Err(malformed("Bearer names no realm"));
                };
                let given = |text: String| (!text.is_empty()).then_some(text);
                Ok(Self::Bearer {
                    realm,
                    service: parameters.remove("service").and_then(given),
                    scope: parameters.remove("scope").and_then(given),
                })
            }
            other => Ok(Self::Other(other.to_owned())),
        }
    }
}

fn malformed(detail: &str) -> AuthProblem {
    AuthProblem::Challenge { detail: detail.to_owned() }
}

/// What is left of a header.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// `#challenge`: a list of challenges, whose parameters are lists as well, with the same commas between them.
    fn challenges(&mut self, all: &mut Vec<Challenge>) -> Result<(), AuthProblem> {
        self.commas();
        while !self.rest.is_empty() {
            if all.len() == CHALLENGES {
                return Err(malformed("more than 16 challenges"));
            }
            let scheme = self.token().ok_or_else(|| malformed("a scheme is missing"))?.to_ascii_lowercase();
            let parameters = if self.spaces() { self.parameters()? } else { BTreeMap::new() };
            all.push(Challenge::new(&scheme, parameters)?);
            if !self.rest.is_empty() && !self.commas() {
                return Err(malformed("a comma is missing"));
            }
        }
        Ok(())
    }

    /// `token68 / #auth-param`, up to the comma before the next challenge, or to the end.
    fn parameters(&mut self) -> Result<BTreeMap<String, String>, AuthProblem> {
        let mut parameters = BTreeMap::new();
        loop {
            let start = self.rest;
            let Some(name) = self.token() else {
                return self.end_of_parameters(start, parameters);
            };
            let name = name.to_ascii_lowercase();
            self.spaces();
            if !self.take(b'=') || (parameters.is_empty() && self.is_end_of_token68()) {
                return self.end_of_parameters(start, parameters);
            }
            self.spaces();
            let value = self.value()?;
            if parameters.len() == PARAMETERS {
                return Err(malformed("more than 16 parameters"));
            }
            if parameters.insert(name, value).is_some() {
                return Err(malformed("a parameter stands twice"));
            }
            self.spaces();
            let before = self.rest;
            if !self.commas() {
                return Ok(parameters);
            }
            if !self.is_parameter() {
                self.rest = before;
                return Ok(parameters);
            }
        }
    }

    /// What stands here is no parameter: nothing at all, or a token68, which only schemes have that are not spoken here.
    fn end_of_parameters(
        &mut self,
        start: &'a [u8],
        parameters: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, AuthProblem> {
        self.rest = start;
        let length = start.iter().take_while(|byte| is_token68(**byte)).count();
        self.rest = &start[length..];
        self.rest = &self.rest[self.rest.iter().take_while(|byte| **byte == b'=').count()..];
        self.spaces();
        match self.rest.first() {
            None | Some(b',') => Ok(parameters),
            Some(_) => Err(malformed("a parameter is none")),
        }
    }

    /// Whether only the padding of a token68 is left of this list element.
    fn is_end_of_token68(&self) -> bool {
        let padding = self.rest.iter().take_while(|byte| **byte == b'=').count();
        let behind = self.rest[padding..].trim_ascii_start();
        matches!(behind.first(), None | Some(b','))
    }

    /// Whether a parameter stands here, and not the next challenge's scheme.
    fn is_parameter(&self) -> bool {
        let mut ahead = Reader { rest: self.rest };
        ahead.token().is_some() && {
            ahead.spaces();
            ahead.take(b'=')
        }
    }

    /// `token / quoted-string`.
    fn value(&mut self) -> Result<String, AuthProblem> {
        if !self.take(b'"') {
            return match self.token() {
                Some(token) => Ok(token.to_owned()),
                None => Err(malformed("a parameter has no value")),
            };
        }
        let mut value = Vec::new();
        loop {
            let Some((&byte, rest)) = self.rest.split_first() else {
                return Err(malformed("a quotation mark is missing"));
            };
            self.rest = rest;
            let byte = match byte {
                b'"' => break,
                b'\\' => match self.rest.split_first() {
                    Some((&quoted, rest)) => {
                        self.rest = rest;
                        quoted
                    }
                    None => return Err(malformed("a quotation mark is missing")),
                },
                byte => byte,
            };
            if byte != b'\t' && byte.is_ascii_control() {
                return Err(malformed("a control character"));
            }
            value.push(byte);
        }
        // What is not UTF-8 is shown to nobody and compared with nothing; an address it cannot be.
        Ok(String::from_utf8_lossy(&value).into_owned())
    }

    fn token(&mut self) -> Option<&'a str> {
        let length = self.rest.iter().take_while(|byte| is_token(**byte)).count();
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        if token.is_empty() { None } else { std::str::from_utf8(token).ok() }
    }

    fn take(&mut self, wanted: u8) -> bool {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte == wanted => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Steps over spaces and tabs; whether there were any.
    fn spaces(&mut self) -> bool {
        let length = self.rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.rest = &self.rest[length..];
        length > 0
    }

    /// Steps over commas and what is empty between them; whether there were any.
    fn commas(&mut self) -> bool {
        let mut any = false;
        loop {
            self.spaces();
            if !self.take(b',') {
                return any;
            }
            any = true;
        }
    }
}

/// `tchar` (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)
}

/// Reads `header` for the fuzz target `challenge`: its schemes, or a problem with a code of the crate.
#[doc(hidden)]
pub fn fuzz_challenges(header: &[u8]) -> Result<usize, AuthProblem> {
    Challenge::parse_all([header]).map(|all| all.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<Vec<Challenge>, AuthProblem> {
        Challenge::parse_all([header.as_bytes()])
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Challenge::Bearer { realm: realm.to_owned(), service: owned(service), scope: owned(scope) }
    }

    #[test]
    fn what_registries_send_is_read() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let want = bearer(
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
            Some("repository:a/b:pull,push"),
        );
        assert_eq!(parse(hub).unwrap().as_slice(), std::slice::from_ref(&want));
        let spaced = hub.replace("\",", "\" ,\t").replace('=', " = ").replace("Bearer", "bEARER");
        assert_eq!(parse(&spaced).unwrap(), [want]);
        assert_eq!(parse(r#"Basic realm="basic-realm""#).unwrap(), [Challenge::Basic]);
        assert_eq!(parse("Basic realm=Registry, charset=\"UTF-8\"").unwrap(), [Challenge::Basic]);
        assert_eq!(parse("Basic").unwrap(), [Challenge::Basic]);
        let error = r#"Bearer realm="https://a.test/t",service="",error="invalid_token""#;
        assert_eq!(parse(error).unwrap(), [bearer("https://a.test/t", None, None)]);
    }

    // The example of RFC 9110, section 11.6.1, with a realm that is an address.
    #[test]
    fn several_challenges_share_a_header_or_have_one_each() {
        let one = r#"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#;
        let want = [Challenge::Basic, Challenge::Other("newauth".to_owned())];
        assert_eq!(parse(one).unwrap(), want);
        let both = Challenge::parse_all([b"Negotiate".as_slice(), b"Basic realm=x"]).unwrap();
        assert_eq!(both, [Challenge::Other("negotiate".to_owned()), Challenge::Basic]);
        let token68 = r#", Negotiate YWJj/+==, ,Bearer realm="https://a.test/t" ,"#;
        assert_eq!(
            parse(token68).unwrap(),
            [Challenge::Other("negotiate".to_owned()), bearer("https://a.test/t", None, None)]
        );
        let unpadded = "Negotiate YWJj, Basic";
        assert_eq!(parse(unpadded).unwrap(), [Challenge::Other("negotiate".to_owned()), Challenge::Basic]);
    }

    #[test]
    fn quoted_commas_and_equals_signs_part_nothing() {
        let header = r#"Bearer realm="https://a.test/t?x=y,z", scope="a:b:c,d \"e\" Basic realm=""#;
        assert_eq!(
            parse(header).unwrap(),
            [bearer("https://a.test/t?x=y,z", None, Some("a:b:c,d \"e\" Basic realm="))]
        );
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for header in [
            "",
            " , ",
            "=",
            "\"Basic\"",
            "Bearer",
            "Bearer service=x",
            "Bearer realm",
            "Bearer realm=\"https://a.test",
            "Bearer realm=\"https://a.test\\",
            "Bearer realm=\"a\nb\"",
            "Bearer realm=\"a\\\nb\"",
            "Bearer realm=https://a.test/token",
            "Bearer realm=\"a\" service=\"b\"",
            "Bearer realm=\"a\", realm=\"b\"",
            "Bearer realm=\"a\", REALM=\"b\"",
            "Bearer realm=\"a\"\"b\"",
            "Bearer realm=\"a\", service=",
            "Bearer realm=\"a\"; service=b",
            "Basic realm=\u{e9}",
            "Basic @",
        ] {
            assert_eq!(parse(header).unwrap_err().code(), "E-CHALLENGE", "{header:?}");
        }
        assert_eq!(Challenge::parse_all([]).unwrap_err().code(), "E-CHALLENGE");
    }

    #[test]
    fn what_is_too_much_is_refused() {
        assert_eq!(parse(&"Basic,".repeat(16)).unwrap().len(), 16);
        assert_eq!(parse(&"Basic,".repeat(17)).unwrap_err().code(), "E-CHALLENGE");
        let parameters = |count| (0..count).map(|at| format!("a{at}=b")).collect::<Vec<_>>().join(",");
        assert!(parse(&format!("Basic {}", parameters(16))).is_ok());
        assert_eq!(parse(&format!("Basic {}", parameters(17))).unwrap_err().code(), "E-CHALLENGE");
        let long = |length: usize| format!("Basic realm={}", "x".repeat(length - 12));
        assert!(parse(&long(LONGEST)).is_ok());
        assert_eq!(parse(&long(LONGEST + 1)).unwrap_err().code(), "E-CHALLENGE");
    }

    proptest::proptest! {
        #[test]
        fn what_is_quoted_comes_back(realm in "[ -~]{0,40}", service in "[ -~]{1,40}") {
            let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!("Bearer realm=\"{}\", service=\"{}\"", quote(&realm), quote(&service));
            proptest::prop_assert_eq!(parse(&header).unwrap(), [bearer(&realm, Some(&service), None)]);
        }

        #[test]
        fn never_panics(header: Vec<u8>, text in "((Basic|Bearer|x) ?)?([a-z]{1,3}(=|=\"|\", )?[ ,]?){0,9}") {
            let _ = Challenge::parse_all([header.as_slice()]);
            let _ = parse(&text);
        }
    }
}
