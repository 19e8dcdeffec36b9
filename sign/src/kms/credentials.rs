//! Who asks: credentials and region from the environment, or from AWS's standard files.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use lacre_manifest::escape_os;
use zeroize::Zeroizing;

use crate::SignerProblem;

/// The longest file that is read, in bytes.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Who asks the service.
#[derive(Clone)]
pub(super) struct Credentials {
    id: String,
    secret: Zeroizing<String>,
    token: Option<Zeroizing<String>>,
}

impl Credentials {
    pub(super) fn new(id: &str, secret: &str, token: Option<&str>) -> Self {
        let wiped = |text: &str| Zeroizing::new(text.to_owned());
        Self { id: id.to_owned(), secret: wiped(secret), token: token.map(wiped) }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.as_str())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where settings are looked up: the process's environment, or a test's.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The process's environment.
pub(super) fn environment(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// What the environment and the files say.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) credentials: Credentials,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
}

impl Settings {
    /// Reads them. The environment goes before the files; what is half there is an error, not looked for elsewhere.
    pub(super) fn read(lookup: Lookup<'_>) -> Result<Self, SignerProblem> {
        let text = |name: &str| match lookup(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(_)) => Err(SignerProblem::failed(format!("{name} is not UTF-8"))),
        };
        let first = |names: [&str; 2]| Ok(text(names[0])?.or(text(names[1])?));
        let id_and_secret = (text("AWS_ACCESS_KEY_ID")?, text("AWS_SECRET_ACCESS_KEY")?);
        let token = text("AWS_SESSION_TOKEN")?;
        let profile = Profile::read(lookup, text("AWS_PROFILE")?)?;
        let credentials = match id_and_secret {
            (Some(id), Some(secret)) => Credentials::new(&id, &Zeroizing::new(secret), token.as_deref()),
            (None, None) => profile.credentials()?,
            _ => {
                return Err(SignerProblem::failed(
                    "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set",
                ));
            }
        };
        // They become lines of a header.
        let parts = [Some(credentials.id()), Some(credentials.secret()), credentials.token()];
        if parts.into_iter().flatten().any(|part| !part.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(SignerProblem::failed("the AWS credentials hold characters that none have"));
        }
        let region = first(["AWS_REGION", "AWS_DEFAULT_REGION"])?.or_else(|| profile.value("region"));
        let endpoint = first(["AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL"])?;
        Ok(Self { credentials, region, endpoint })
    }
}

/// What the files say of one profile.
struct Profile {
    name: String,
    files: Vec<Zeroizing<String>>,
}

impl Profile {
    fn read(lookup: Lookup<'_>, name: Option<String>) -> Result<Self, SignerProblem> {
        let mut files = Vec::new();
        for (variable, usual) in
            [("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), ("AWS_CONFIG_FILE", ".aws/config")]
        {
            let path = lookup(variable)
                .map(PathBuf::from)
                .or_else(|| lookup("HOME").map(|home| Path::new(&home).join(usual)));
            files.extend(path.map(|path| read_file(&path)).transpose()?.flatten());
        }
        let profile = Self { name: name.clone().unwrap_or_else(|| "default".to_owned()), files };
        match name {
            Some(name) if profile.sections().next().is_none() => {
                Err(SignerProblem::Absent { what: format!("AWS profile {name:?}"), there: Vec::new() })
            }
            _ => Ok(profile),
        }
    }

    /// The lines of the profile's sections: `[NAME]`, in the second file also `[profile NAME]`.
    fn sections(&self) -> impl Iterator<Item = &str> {
        self.files.iter().flat_map(move |file| {
            let mut inside = false;
            file.lines().filter(move |line| {
                let line = line.trim();
                if let Some(head) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
                    let head = head.trim();
                    inside = head.strip_prefix("profile ").unwrap_or(head).trim() == self.name;
                    return inside;
                }
                inside
            })
        })
    }

    fn value(&self, name: &str) -> Option<String> {
        self.sections().find_map(|line| {
            let (found, value) = line.split_once('=')?;
            (found.trim() == name && !value.trim().is_empty()).then(|| value.trim().to_owned())
        })
    }

    fn credentials(&self) -> Result<Credentials, SignerProblem> {
        match (self.value("aws_access_key_id"), self.value("aws_secret_access_key")) {
            (Some(id), Some(secret)) => {
                let token = self.value("aws_session_token").map(Zeroizing::new);
                let token = token.as_ref().map(|token| token.as_str());
                Ok(Credentials::new(&id, &Zeroizing::new(secret), token))
            }
            _ => Err(SignerProblem::failed(format!(
                "there are no AWS credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
                 nor in the files for the profile {:?}",
                self.name
            ))),
        }
    }
}

fn read_file(path: &Path) -> Result<Option<Zeroizing<String>>, SignerProblem> {
    let unreadable = |source| SignerProblem::Unreadable { path: escape_os(path.as_os_str()), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_LIMIT).read_to_string(&mut text).map_err(unreadable)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SignerProblem> {
        Settings::read(&|name| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into()))
    }

    fn in_files(credentials: &str, config: &str, more: &[(&str, &str)]) -> Result<Settings, SignerProblem> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
        std::fs::write(home.path().join(".aws/config"), config).unwrap();
        let mut variables = more.to_vec();
        variables.push(("HOME", home.path().to_str().unwrap()));
        read(&variables)
    }

    #[test]
    fn the_environment_has_all_that_is_needed() {
        let settings = read(&[
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_DEFAULT_REGION", "eu-central-1"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ])
        .unwrap();
        let credentials = &settings.credentials;
        assert_eq!(
            (credentials.id(), credentials.secret(), credentials.token()),
            ("AKID", "secret", Some("token"))
        );
        assert_eq!(settings.region.as_deref(), Some("eu-west-1"));
        assert_eq!(settings.endpoint.as_deref(), Some("http://127.0.0.1:1"));
        assert!(!format!("{settings:?}").contains("secret"));
    }

    const CREDENTIALS: &str = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=SA\n\n[work]\n\
        aws_access_key_id=W\naws_secret_access_key = SW\naws_session_token=TW\n";
    const CONFIG: &str = "[default]\nregion = eu-north-1\n[profile work]\nregion=us-east-1\n";

    #[test]
    fn the_files_have_a_section_for_each_profile() {
        let settings = in_files(CREDENTIALS, CONFIG, &[]).unwrap();
        assert_eq!((settings.credentials.id(), settings.credentials.secret()), ("A", "SA"));
        assert_eq!(settings.credentials.token(), None);
        assert_eq!(settings.region.as_deref(), Some("eu-north-1"));
        let settings = in_files(CREDENTIALS, CONFIG, &[("AWS_PROFILE", "work")]).unwrap();
        assert_eq!((settings.credentials.id(), settings.credentials.token()), ("W", Some("TW")));
        assert_eq!(settings.region.as_deref(), Some("us-east-1"));
    }

    #[test]
    fn what_is_half_there_is_not_made_whole_by_another_place() {
        let half = in_files(CREDENTIALS, CONFIG, &[("AWS_ACCESS_KEY_ID", "A")]);
        assert_eq!(half.unwrap_err().code(), "E-SIGNER");
        assert_eq!(
            in_files(CREDENTIALS, CONFIG, &[("AWS_PROFILE", "no")]).unwrap_err().code(),
            "E-NOT-FOUND"
        );
        assert_eq!(in_files("", "", &[]).unwrap_err().code(), "E-SIGNER");
        assert_eq!(read(&[]).unwrap_err().code(), "E-SIGNER");
        let two_lines = [("AWS_ACCESS_KEY_ID", "A\r\nHost: x"), ("AWS_SECRET_ACCESS_KEY", "S")];
        assert_eq!(read(&two_lines).unwrap_err().code(), "E-SIGNER");
    }
}
