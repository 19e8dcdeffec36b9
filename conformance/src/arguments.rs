//! The arguments of the protocols: words in any order, each option once, one file at the end.

use std::collections::BTreeMap;

/// What was said on the command line.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    options: BTreeMap<String, String>,
    switches: Vec<String>,
    /// What is no option.
    pub(crate) files: Vec<String>,
}

impl Arguments {
    /// Reads `words`. Those of `switches` take no value; every other one that begins with `--` does.
    pub(crate) fn read(words: impl IntoIterator<Item = String>, switches: &[&str]) -> Result<Self, String> {
        let mut read = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if switches.contains(&word.as_str()) {
                read.switches.push(word);
            } else if word.starts_with("--") {
                let value = words.next().ok_or_else(|| format!("{word} has no value"))?;
                if read.options.insert(word.clone(), value).is_some() {
                    return Err(format!("{word} stands twice"));
                }
            } else {
                read.files.push(word);
            }
        }
        Ok(read)
    }

    pub(crate) fn switch(&self, name: &str) -> bool {
        self.switches.iter().any(|switch| switch == name)
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.options.remove(name)
    }

    /// Nothing may be left that nobody asked for.
    pub(crate) fn end(&self) -> Result<(), String> {
        self.options.keys().next().map_or(Ok(()), |name| Err(format!("{name} is not an option")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Arguments, String> {
        Arguments::read(words.iter().map(|word| (*word).to_owned()), &["--staging"])
    }

    #[test]
    fn options_stand_once_and_have_a_value() {
        let mut read = read(&["--bundle", "b", "--staging", "file"]).unwrap();
        assert!(read.switch("--staging"));
        assert_eq!(read.files, ["file"]);
        assert!(read.end().is_err(), "--bundle was not asked for yet");
        assert_eq!(read.take("--bundle").as_deref(), Some("b"));
        assert!(read.end().is_ok());
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        assert!(read(&["--bundle"]).is_err());
        assert!(read(&["--bundle", "a", "--bundle", "b"]).is_err());
    }
}
