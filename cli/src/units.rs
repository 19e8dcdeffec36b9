//! Times, sizes and rates as the command line writes them: a whole number and a unit.

use std::num::NonZeroU64;
use std::time::Duration;

/// Reads `30s`, `10m`, `2h` or `1d`: at least a second.
pub(crate) fn interval(text: &str) -> Result<Duration, &'static str> {
    const SHAPE: &str = "want a whole number with its unit: 30s, 10m, 2h, 1d";
    let (number, unit) = split(text).ok_or(SHAPE)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(SHAPE),
    };
    match number.checked_mul(seconds) {
        Some(0) => Err("want at least 1s"),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err("that is too long"),
    }
}

/// Reads `200kB/s`, `500MB/s` or `1GiB/s`, as bytes per second: more than none.
pub(crate) fn rate(text: &str) -> Result<NonZeroU64, &'static str> {
    const SHAPE: &str = "want a whole number with its unit: 200kB/s, 500MB/s, 1GiB/s";
    let (number, unit) = split(text).ok_or(SHAPE)?;
    let bytes = unit.strip_suffix("/s").and_then(unit_of_bytes).ok_or(SHAPE)?;
    let rate = number.checked_mul(bytes).ok_or("that is too much")?;
    NonZeroU64::new(rate).ok_or("want more than 0")
}

/// Reads `64MiB` or `1GB`, as bytes: more than none, and no more than memory can hold.
pub(crate) fn size(text: &str) -> Result<usize, &'static str> {
    const SHAPE: &str = "want a whole number with its unit: 500kB, 64MiB, 1GiB";
    let (number, unit) = split(text).ok_or(SHAPE)?;
    let bytes = unit_of_bytes(unit).ok_or(SHAPE)?;
    let size = number.checked_mul(bytes).and_then(|bytes| usize::try_from(bytes).ok());
    match size {
        Some(0) => Err("want more than 0"),
        // What is derived from it (base64 takes four thirds) must not overflow.
        Some(size) if size <= usize::MAX / 4 => Ok(size),
        _ => Err("that is too much"),
    }
}

fn unit_of_bytes(unit: &str) -> Option<u64> {
    Some(match unit {
        "B" => 1,
        "kB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    })
}

/// Splits digits from what stands behind them.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (digits, unit) = text.split_at(end);
    // More digits than fit are more than anybody can mean.
    if digits.is_empty() { None } else { Some((digits.parse().unwrap_or(u64::MAX), unit)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_number_and_a_unit() {
        for (text, seconds) in [("1s", 1), ("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86_400)] {
            assert_eq!(interval(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "10", "s", "1.5h", "-1s", "+1s", "1 s", "1S", "1ms", "1w", "10m30s", "٣s", "1s "] {
            assert!(interval(text).unwrap_err().contains("unit"), "{text:?}");
        }
        assert_eq!(interval("0h"), Err("want at least 1s"));
        assert_eq!(interval("18446744073709551615d"), Err("that is too long"));
        assert_eq!(interval("99999999999999999999m"), Err("that is too long"));
    }

    #[test]
    fn a_rate_is_decimal_or_binary() {
        for (text, bytes) in [
            ("1B/s", 1),
            ("200kB/s", 200_000),
            ("500MB/s", 500_000_000),
            ("3GB/s", 3_000_000_000),
            ("1TB/s", 1_000_000_000_000),
            ("2KiB/s", 2048),
            ("1MiB/s", 1_048_576),
            ("1GiB/s", 1_073_741_824),
            ("1TiB/s", 1_099_511_627_776),
        ] {
            assert_eq!(rate(text).map(NonZeroU64::get), Ok(bytes), "{text}");
        }
        for text in ["", "500", "500MB", "500Mb/s", "500mb/s", "MB/s", "1.5GB/s", "1 GB/s", "1GB/m", "1/s"] {
            assert!(rate(text).unwrap_err().contains("unit"), "{text:?}");
        }
        assert_eq!(rate("0MB/s"), Err("want more than 0"));
        for (text, bytes) in [("1B", 1), ("500kB", 500_000), ("64MiB", 64 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "500", "1 GB", "1GB/s", "1Gb", "-1GB", "1.5GB"] {
            assert!(size(text).unwrap_err().contains("unit"), "{text:?}");
        }
        assert_eq!(size("0MB"), Err("want more than 0"));
        assert_eq!(size("18446744073709551615B"), Err("that is too much"));
        assert_eq!(size("18446744TiB"), Err("that is too much"));
        assert_eq!(rate("18446744073709551615kB/s"), Err("that is too much"));
    }
}
