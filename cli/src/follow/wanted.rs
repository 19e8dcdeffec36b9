//! What is wanted of a channel, as the command line says it.

use lacre_release::{ChannelId, Version};

use crate::error::CliError;

/// Reads `org/name@stable` or `org/name@stable:VERSION`.
pub(crate) fn wanted(text: &str) -> Result<(ChannelId, Option<Version>), CliError> {
    let (channel, version) = match text.split_once('@') {
        Some((model, rest)) => match rest.split_once(':') {
            Some((channel, version)) => (format!("{model}@{channel}"), Some(version)),
            None => (text.to_owned(), None),
        },
        None => (text.to_owned(), None),
    };
    Ok((channel.parse()?, version.map(str::parse).transpose()?))
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn what_is_wanted_of_a_channel_is_read() {
        let read = |text: &str| {
            wanted(text).map(|(id, version)| (id.to_string(), version.map(|version| version.to_string())))
        };
        assert_eq!(read("org/m@stable").unwrap(), ("org/m@stable".to_owned(), None));
        assert_eq!(read("org/m@stable:1.2").unwrap(), ("org/m@stable".to_owned(), Some("1.2".to_owned())));
        for bad in ["org/m", "org/m@", "org/m@stable:", "oci:store:v1"] {
            assert!(matches!(read(bad).unwrap_err().code(), "E-CHANNEL-NAME"), "{bad}");
        }
    }
}
