//! OpenSSH key files written out by hand (its PROTOCOL.key), so that they can say what `ssh-keygen` would not write.

use pkcs8::der::pem::{LineEnding, decode_vec, encode_string};

/// A string (RFC 4251, section 5).
pub(crate) fn string(content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}

/// The parts of a file, each of which a test may change.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) cipher: &'static str,
    pub(crate) kdf: &'static str,
    pub(crate) options: Vec<u8>,
    pub(crate) count: u32,
    pub(crate) public: Vec<u8>,
    pub(crate) checks: [u32; 2],
    /// The public half once more, inside.
    pub(crate) inside: Vec<u8>,
    /// The scalar or the seed, as a string or `mpint`.
    pub(crate) secret: Vec<u8>,
    pub(crate) padding: Vec<u8>,
    pub(crate) behind: Vec<u8>,
}

impl Parts {
    /// A sound file that is not encrypted.
    pub(crate) fn plain(public: Vec<u8>, secret: &[u8]) -> Self {
        let secret = string(secret);
        let length = 8 + public.len() + secret.len() + string(b"comment").len();
        let padding = (1..=u8::try_from(length.next_multiple_of(8) - length).unwrap()).collect();
        Self {
            cipher: "none",
            kdf: "none",
            options: Vec::new(),
            count: 1,
            inside: public.clone(),
            public,
            checks: [0x1234_5678; 2],
            secret,
            padding,
            behind: Vec::new(),
        }
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        let [one, two] = self.checks.map(u32::to_be_bytes);
        let section =
            [&one[..], &two, &self.inside, &self.secret, &string(b"comment"), &self.padding].concat();
        [
            b"openssh-key-v1\0".to_vec(),
            string(self.cipher.as_bytes()),
            string(self.kdf.as_bytes()),
            string(&self.options),
            self.count.to_be_bytes().to_vec(),
            string(&self.public),
            string(&section),
            self.behind.clone(),
        ]
        .concat()
    }

    pub(crate) fn pem(&self) -> String {
        pem(&self.content())
    }
}

pub(crate) fn pem(content: &[u8]) -> String {
    encode_string("OPENSSH PRIVATE KEY", LineEnding::LF, content).unwrap()
}

/// The content of a file of `ssh-keygen`, which has lines of 70 columns.
pub(crate) fn unpem(text: &str) -> Vec<u8> {
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let wrapped = format!("-----BEGIN X-----\n{}\n-----END X-----\n", lines.join("\n"));
    decode_vec(wrapped.as_bytes()).unwrap().1
}

/// The options of `bcrypt`.
pub(crate) fn bcrypt(salt: &[u8], rounds: u32) -> Vec<u8> {
    [string(salt), rounds.to_be_bytes().to_vec()].concat()
}
