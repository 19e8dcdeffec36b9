//! The arguments of the protocols: words in any order, options with a value, switches without one, and files.

use std::collections::BTreeMap;

use crate::Refusal;

/// What was said on the command line.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    options: BTreeMap<String, Vec<String>>,
    switches: Vec<String>,
    /// What is no option.
    pub(crate) files: Vec<String>,
}

impl Arguments {
    /// Reads `words`. Those of `switches` take no value; every other one that begins with `--` does.
    pub(crate) fn read(words: impl IntoIterator<Item = String>, switches: &[&str]) -> Result<Self, Refusal> {
        let mut read = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if switches.contains(&word.as_str()) {
                read.switches.push(word);
            } else if word.starts_with("--") {
                let value = words.next().ok_or_else(|| Refusal::usage(format!("{word} has no value")))?;
                read.options.entry(word).or_default().push(value);
            } else {
                read.files.push(word);
            }
        }
        Ok(read)
    }

    pub(crate) fn switch(&self, name: &str) -> bool {
        self.switches.iter().any(|switch| switch == name)
    }

    /// The value of an option that may stand once.
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        let mut values = self.take_all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(Refusal::usage(format!("{name} stands twice"))),
        }
    }

    /// The value of an option that must stand once.
    pub(crate) fn demand(&mut self, name: &str) -> Result<String, Refusal> {
        self.take(name)?.ok_or_else(|| Refusal::usage(format!("{name} is missing")))
    }

    /// The values of an option that may stand often.
    pub(crate) fn take_all(&mut self, name: &str) -> Vec<String> {
        self.options.remove(name).unwrap_or_default()
    }

    /// Nothing may be left that nobody asked for.
    pub(crate) fn end(&self) -> Result<(), Refusal> {
        match self.options.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::usage(format!("{name} is not an option of this"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Arguments, Refusal> {
        Arguments::read(words.iter().map(|word| (*word).to_owned()), &["--staging"])
    }

    #[test]
    fn options_have_a_value_and_switches_none() {
        let mut read = read(&["--bundle", "b", "--staging", "file", "--more", "1", "--more", "2"]).unwrap();
        assert!(read.switch("--staging"));
        assert_eq!(read.files, ["file"]);
        assert_eq!(read.take_all("--more"), ["1", "2"]);
        assert!(read.end().is_err(), "--bundle was not asked for yet");
        assert_eq!(read.demand("--bundle").unwrap(), "b");
        assert!(read.end().is_ok());
        assert_eq!(read.demand("--bundle").unwrap_err().code, "E-USAGE");
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        assert!(read(&["--bundle"]).is_err());
        assert!(read(&["--bundle", "a", "--bundle", "b"]).unwrap().take("--bundle").is_err());
    }
}
