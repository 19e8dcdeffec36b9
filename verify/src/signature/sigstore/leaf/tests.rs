use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

// Made by `openssl req -x509` with the extensions that the names tell; TWICE had one object identifier changed.
const GOOD: &str = "\
    MIIBbTCCAROgAwIBAgIUPDmk9e/mLsofIg1SPPm8HyhsAMUwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEZ29vZDAgFw0yNjEx\
    MjMwODU2MzFaGA8yMTI2MTAzMDA4NTYzMVowDzENMAsGA1UEAwwEZ29vZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEYy\
    UXD3cQ+kuch1Zg8Tmsxx2GlyKmDIGMYMMmvBJYVqycNZBSoScCF95i/qx1w6ecg3wJ9K/OQzBWF+IEeA8DujSzBJMA4GA1Ud\
    DwEB/wQEAwIHgDAYBgNVHREEETAPgQ1hQGV4YW1wbGUuY29tMB0GA1UdDgQWBBRFwp2LXcIvwZSxEr+3RszwSSWyPDAKBggq\
    hkjOPQQDAgNIADBFAiEAqeUTIafX8oR3lN09OnpeQLI/0J/7bHXK/OU5ruoctg4CIBPEAf3Ut8bBXaw6KGG3/xaPia6jV26j\
    Yu5rVwZ2CjAR";
const WORKLOAD: &str = "\
    MIIBfDCCASOgAwIBAgIUfBmijxpS7aK/tcYv6T+JuDqpGeMwCgYIKoZIzj0EAwIwEzERMA8GA1UEAwwId29ya2xvYWQwIBcN\
    MjYxMTIzMDg1NjMxWhgPMjEyNjEwMzAwODU2MzFaMBMxETAPBgNVBAMMCHdvcmtsb2FkMFkwEwYHKoZIzj0CAQYIKoZIzj0D\
    AQcDQgAERjJRcPdxD6S5yHVmDxOazHHYaXIqYMgYxgwya8ElhWrJw1kFKhJwIX3mL+rHXDp5yDfAn0r85DMFYX4gR4DwO6NT\
    MFEwDgYDVR0PAQH/BAQDAgeAMCAGA1UdEQQZMBeGFWh0dHBzOi8vZXhhbXBsZS5jb20vdzAdBgNVHQ4EFgQURcKdi13CL8GU\
    sRK/t0bM8EklsjwwCgYIKoZIzj0EAwIDRwAwRAIgZ68EqKcjYRRiSDQcbCi9eoNJQuJZIDyceXJJYFmtrE4CIHcy40piFPfe\
    rJFQzs6jCA0RgsMs0cW4QhDIXYDEHDMg";
const TWO_NAMES: &str = "\
    MIIBhTCCASygAwIBAgIUbnHDUPWIFisqQKLTKM0btcZkhIgwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJdHdvLW5hbWVzMCAX\
    DTI2MTEyMzA4NTYzMVoYDzIxMjYxMDMwMDg1NjMxWjAUMRIwEAYDVQQDDAl0d28tbmFtZXMwWTATBgcqhkjOPQIBBggqhkjO\
    PQMBBwNCAARGMlFw93EPpLnIdWYPE5rMcdhpcipgyBjGDDJrwSWFasnDWQUqEnAhfeYv6sdcOnnIN8CfSvzkMwVhfiBHgPA7\
    o1owWDAOBgNVHQ8BAf8EBAMCB4AwJwYDVR0RBCAwHoENYUBleGFtcGxlLmNvbYENYkBleGFtcGxlLmNvbTAdBgNVHQ4EFgQU\
    RcKdi13CL8GUsRK/t0bM8EklsjwwCgYIKoZIzj0EAwIDRwAwRAIga5Nu6TM3J7pymfBFBHyojhVlM7F1OjGMOHtYMkElz2cC\
    IFbaoyfivClGIyYNZUHnetdzWn8XY5ByYx6MfY125rW5";
const TWO_KINDS: &str = "\
    MIIBjjCCATSgAwIBAgIUY5rnenTrYsODNK9ml6saTD3sQ5AwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJdHdvLWtpbmRzMCAX\
    DTI2MTEyMzA4NTYzMVoYDzIxMjYxMDMwMDg1NjMxWjAUMRIwEAYDVQQDDAl0d28ta2luZHMwWTATBgcqhkjOPQIBBggqhkjO\
    PQMBBwNCAARGMlFw93EPpLnIdWYPE5rMcdhpcipgyBjGDDJrwSWFasnDWQUqEnAhfeYv6sdcOnnIN8CfSvzkMwVhfiBHgPA7\
    o2IwYDAOBgNVHQ8BAf8EBAMCB4AwLwYDVR0RBCgwJoENYUBleGFtcGxlLmNvbYYVaHR0cHM6Ly9leGFtcGxlLmNvbS93MB0G\
    A1UdDgQWBBRFwp2LXcIvwZSxEr+3RszwSSWyPDAKBggqhkjOPQQDAgNIADBFAiAWP6kcacN3jUth2hYhUMHJD4o3o7KWduYI\
    qJ30pyc/tgIhAKp9KcCcLW8apPHeSU99Ovxfk7WagfnV+D5ZdSlU1DLY";
const ADDRESS: &str = "\
    MIIBcDCCARegAwIBAgIUEPJ0wV4K1aw0YprpL9tVFmA1sa4wCgYIKoZIzj0EAwIwEjEQMA4GA1UEAwwHYWRkcmVzczAgFw0y\
    NjExMjMwODU2MzFaGA8yMTI2MTAzMDA4NTYzMVowEjEQMA4GA1UEAwwHYWRkcmVzczBZMBMGByqGSM49AgEGCCqGSM49AwEH\
    A0IABEYyUXD3cQ+kuch1Zg8Tmsxx2GlyKmDIGMYMMmvBJYVqycNZBSoScCF95i/qx1w6ecg3wJ9K/OQzBWF+IEeA8DujSTBH\
    MA4GA1UdDwEB/wQEAwIHgDAWBgNVHREEDzANggtleGFtcGxlLmNvbTAdBgNVHQ4EFgQURcKdi13CL8GUsRK/t0bM8Eklsjww\
    CgYIKoZIzj0EAwIDRwAwRAIgVYmrPTENpTmKeaCg6x5qkyNTs3kiBoyap+sZ79Gkg5MCIGOUm+XBS+Wbxdm+vza1nk+OGXzj\
    ZZpg4Bqe5V/M3Bfu";
const NOBODY: &str = "\
    MIIBVjCB/aADAgECAhR4ZiLtLkIwNdiq9PUXcrDLjUALEDAKBggqhkjOPQQDAjARMQ8wDQYDVQQDDAZub2JvZHkwIBcNMjYx\
    MTIzMDg1NjMyWhgPMjEyNjEwMzAwODU2MzJaMBExDzANBgNVBAMMBm5vYm9keTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA\
    BEYyUXD3cQ+kuch1Zg8Tmsxx2GlyKmDIGMYMMmvBJYVqycNZBSoScCF95i/qx1w6ecg3wJ9K/OQzBWF+IEeA8DujMTAvMA4G\
    A1UdDwEB/wQEAwIHgDAdBgNVHQ4EFgQURcKdi13CL8GUsRK/t0bM8EklsjwwCgYIKoZIzj0EAwIDSAAwRQIgeCnlCJRzR7sH\
    INduiixWUkmrdftdcFnBJsjJWCV2+EUCIQCCD0vqemz5ubWrRQXwPEl1K/btkw5vEpaflZvjBNY3AA==";
const NO_USAGE: &str = "\
    MIIBZTCCAQugAwIBAgIUBOMn+HXBH1ItG2PPMw2TX1z50aYwCgYIKoZIzj0EAwIwEzERMA8GA1UEAwwIbm8tdXNhZ2UwIBcN\
    MjYxMTIzMDg1NjMyWhgPMjEyNjEwMzAwODU2MzJaMBMxETAPBgNVBAMMCG5vLXVzYWdlMFkwEwYHKoZIzj0CAQYIKoZIzj0D\
    AQcDQgAERjJRcPdxD6S5yHVmDxOazHHYaXIqYMgYxgwya8ElhWrJw1kFKhJwIX3mL+rHXDp5yDfAn0r85DMFYX4gR4DwO6M7\
    MDkwGAYDVR0RBBEwD4ENYUBleGFtcGxlLmNvbTAdBgNVHQ4EFgQURcKdi13CL8GUsRK/t0bM8EklsjwwCgYIKoZIzj0EAwID\
    SAAwRQIgFrJgR1OJNtQwGWMz/7BVTtOYHwflhTX44A8mkMy4ZXICIQD1Qh1pBySmcnG8UlJWJr3XEH7AzXYt+0MfQUu7YatK\
    TQ==";
const ISSUING: &str = "\
    MIIBczCCARmgAwIBAgIUcp7pGboZqagHIWuQ7zrIhulD3vIwCgYIKoZIzj0EAwIwEjEQMA4GA1UEAwwHaXNzdWluZzAgFw0y\
    NjExMjMwODU2MzJaGA8yMTI2MTAzMDA4NTYzMlowEjEQMA4GA1UEAwwHaXNzdWluZzBZMBMGByqGSM49AgEGCCqGSM49AwEH\
    A0IABEYyUXD3cQ+kuch1Zg8Tmsxx2GlyKmDIGMYMMmvBJYVqycNZBSoScCF95i/qx1w6ecg3wJ9K/OQzBWF+IEeA8DujSzBJ\
    MA4GA1UdDwEB/wQEAwIChDAYBgNVHREEETAPgQ1hQGV4YW1wbGUuY29tMB0GA1UdDgQWBBRFwp2LXcIvwZSxEr+3RszwSSWy\
    PDAKBggqhkjOPQQDAgNIADBFAiB0B57iZO69OnNirVUCLbeb37uiDDyXi6BUltnHaLzAUgIhALIsRu8yXzsnRzalDxCfWYnn\
    5mH220eY2PsxE7oqwxPh";
const AGREEING: &str = "\
    MIIBdjCCARugAwIBAgIUEkrzREAQIPlW4yGeHfMQURvkc0kwCgYIKoZIzj0EAwIwEzERMA8GA1UEAwwIYWdyZWVpbmcwIBcN\
    MjYxMTIzMDg1NjMyWhgPMjEyNjEwMzAwODU2MzJaMBMxETAPBgNVBAMMCGFncmVlaW5nMFkwEwYHKoZIzj0CAQYIKoZIzj0D\
    AQcDQgAERjJRcPdxD6S5yHVmDxOazHHYaXIqYMgYxgwya8ElhWrJw1kFKhJwIX3mL+rHXDp5yDfAn0r85DMFYX4gR4DwO6NL\
    MEkwDgYDVR0PAQH/BAQDAgMIMBgGA1UdEQQRMA+BDWFAZXhhbXBsZS5jb20wHQYDVR0OBBYEFEXCnYtdwi/BlLESv7dGzPBJ\
    JbI8MAoGCCqGSM49BAMCA0kAMEYCIQDkQzISY6nrONmEJYgr3IkqsMjgsuJGps4Pg6gp6czaRAIhAMnCdNDo/9v7OvyoqgZd\
    e5izLBcVFY5sD9wa+P4GqSpb";
const TWICE: &str = "\
    MIIBtDCCAVugAwIBAgIUQzhGmN3hvGlaxwf8h463dx+y53AwCgYIKoZIzj0EAwIwEDEOMAwGA1UEAwwFdHdpY2UwIBcNMjYx\
    MTIzMDg1NjMyWhgPMjEyNjEwMzAwODU2MzJaMBAxDjAMBgNVBAMMBXR3aWNlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\
    RjJRcPdxD6S5yHVmDxOazHHYaXIqYMgYxgwya8ElhWrJw1kFKhJwIX3mL+rHXDp5yDfAn0r85DMFYX4gR4DwO6OBkDCBjTAO\
    BgNVHQ8BAf8EBAMCB4AwGAYDVR0RBBEwD4ENYUBleGFtcGxlLmNvbTAgBgorBgEEAYO/MAEBBBIMEGh0dHBzOi8vb25lLnRl\
    c3QwIAYKKwYBBAGDvzABAQQSDBBodHRwczovL3R3by50ZXN0MB0GA1UdDgQWBBRFwp2LXcIvwZSxEr+3RszwSSWyPDAKBggq\
    hkjOPQQDAgNHADBEAiBgfvnN/zewqT22pd7cKE8SpYVmJBdIvZ4xi7ZqZPp5WAIgP66LHkvPC4F20n6JTop6foAZXUxQ8Jtb\
    GVridY39z9A=";

fn outcome(certificate: &str) -> Result<(String, IdentityKind), String> {
    check(&STANDARD.decode(certificate).unwrap()).map_err(|error| {
        assert_eq!(error.code(), "E-CERTIFICATE");
        error.to_string()
    })
}

#[test]
fn a_name_is_an_address_or_a_uri() {
    assert_eq!(outcome(GOOD), Ok(("a@example.com".to_owned(), IdentityKind::Email)));
    assert_eq!(outcome(WORKLOAD), Ok(("https://example.com/w".to_owned(), IdentityKind::Uri)));
}

#[test]
fn what_is_ambiguous_or_made_for_something_else_is_refused() {
    for (certificate, reason) in [
        (TWO_NAMES, "2 names"),
        (TWO_KINDS, "2 names"),
        (ADDRESS, "neither an e-mail address nor a URI"),
        (NOBODY, "names nobody"),
        (NO_USAGE, "not digital signature"),
        (AGREEING, "not digital signature"),
        (ISSUING, "that of an authority"),
        (TWICE, "1.3.6.1.4.1.57264.1.1 twice"),
        ("", "cannot be read"),
        ("MAA=", "cannot be read"),
    ] {
        let refused = outcome(certificate).unwrap_err();
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
}

#[test]
fn a_certificate_that_is_cut_or_followed_by_something_is_refused() {
    let der = STANDARD.decode(GOOD).unwrap();
    for length in 0..der.len() {
        assert!(check(&der[..length]).is_err(), "{length}");
    }
    assert!(check(&[der, vec![0]].concat()).is_err());
}

#[test]
fn roots_above_the_leaf_are_refused() {
    // Each of these was signed with its own key.
    let root = STANDARD.decode(GOOD).unwrap();
    assert!(check_above(&[]).is_ok());
    assert_eq!(check_above(&[root]).unwrap_err().code(), "E-CERTIFICATE");
    assert_eq!(check_above(&[vec![0x30, 0]]).unwrap_err().code(), "E-CERTIFICATE");
}

#[test]
fn why_there_is_no_path_is_told_by_dates_and_names() {
    let der = |text: &str| STANDARD.decode(text.replace([' ', '\n'], "")).unwrap();
    let (good, issuing, garbage) = (der(GOOD), der(ISSUING), vec![0x30, 0]);
    // Certificates from 23 November 2026 to 30 October 2126.
    let at = |years: u64| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(years * 365 * 86400);
    let code = |chain: &[&[u8]], times: &[(SystemTime, Vec<&[u8]>)]| {
        why_no_path(chain, times.iter().cloned(), String::new()).code()
    };
    let same = vec![good.as_slice()];
    let other = vec![issuing.as_slice(), garbage.as_slice()];
    assert_eq!(code(&[&good], &[(at(60), same.clone())]), "E-CERTIFICATE", "dates and names are in order");
    assert_eq!(code(&[&good], &[(at(60), other.clone())]), "E-SIGNER-UNTRUSTED");
    assert_eq!(code(&[&good], &[(at(60), Vec::new())]), "E-SIGNER-UNTRUSTED");
    assert_eq!(code(&[&good, &issuing], &[(at(60), other.clone())]), "E-CERTIFICATE", "by one between");
    for years in [50, 160] {
        assert_eq!(code(&[&good], &[(at(years), other.clone())]), "E-CERTIFICATE-EXPIRED");
        assert_eq!(
            code(&[&good], &[(at(60), same.clone()), (at(years), same.clone())]),
            "E-CERTIFICATE-EXPIRED"
        );
    }
    assert_eq!(code(&[&garbage], &[(at(50), other)]), "E-CERTIFICATE");
}
