use lacre_testkit::{HttpAnswer, HttpServer, Issuer};
use serde_json::json;

use super::*;
use crate::Unattended;

const WHO: &str = "robot@example.test";

/// The outcome in surroundings with these variables.
fn in_these(variables: &[(&str, &str)]) -> Result<Option<Token>, SignError> {
    let variable =
        |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
    Surroundings { variable: &variable, machine: None, attendant: &Unattended }.token()
}

fn github(url: &str) -> Result<Option<Token>, SignError> {
    in_these(&[
        ("GITHUB_ACTIONS", "true"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "hunter2"),
    ])
}

fn google_of(server: &HttpServer) -> Result<Option<Token>, SignError> {
    in_these(&[(METADATA_VARIABLE, server.url().trim_start_matches("http://"))])
}

#[test]
fn nothing_shows_itself() {
    assert!(in_these(&[]).unwrap().is_none());
    assert!(in_these(&[("GITHUB_ACTIONS", "false"), ("BUILDKITE", "1")]).unwrap().is_none());
}

#[test]
fn a_job_at_github_asks_with_its_secret_for_our_audience() {
    let token = Issuer::start().token(WHO);
    let server = HttpServer::start(move |_| HttpAnswer::json(&json!({"count": 1, "value": token})));
    let token = github(&format!("{}/token?api-version=2.0", server.url())).unwrap().unwrap();
    assert_eq!(token.email(), Some(WHO));
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("GET", "/token?api-version=2.0&audience=sigstore")
    );
    assert!(seen.headers.contains(&("authorization".to_owned(), "Bearer hunter2".to_owned())), "{seen:?}");
}

#[test]
fn a_job_at_github_that_gets_none() {
    let elsewhere = HttpServer::start(|_| HttpAnswer::HangUp);
    let issuer = Issuer::start();
    let other = issuer.token_with(WHO, |claims| claims["aud"] = "https://github.com/org".into());
    let old = issuer.token_with(WHO, |claims| claims["exp"] = 1_700_000_000.into());
    for (answer, code) in [
        (HttpAnswer::json(&json!({"value": other})), "E-TOKEN"),
        (HttpAnswer::json(&json!({"value": old})), "E-TOKEN"),
        (HttpAnswer::json(&json!({"value": ""})), "E-TOKEN"),
        (HttpAnswer::json(&json!({"value": 1})), "E-SERVICE"),
        (HttpAnswer::json(&json!({})), "E-SERVICE"),
        (HttpAnswer::Full(200, "text/html", b"<html>".to_vec()), "E-SERVICE"),
        (HttpAnswer::Full(403, "application/json", b"{}".to_vec()), "E-SERVICE"),
        (HttpAnswer::Full(500, "text/plain", b"\x1b[2Joops".to_vec()), "E-SERVICE"),
        (HttpAnswer::Redirect(elsewhere.url()), "E-SERVICE"),
        (HttpAnswer::Endless, "E-SERVICE"),
        (HttpAnswer::HangUp, "E-NETWORK"),
    ] {
        let shown = format!("{answer:?}");
        let server = HttpServer::start(move |_| answer.clone());
        let error = github(&server.url()).unwrap_err();
        assert_eq!(error.code(), code, "{shown}: {error}");
        let said = format!("{error} {error:?}");
        assert!(!said.contains("hunter2") && !said.contains('\u{1b}'), "{said}");
    }
    // The secret of the job went nowhere else.
    assert!(elsewhere.seen().is_empty());
    // It is not sent in the clear to another machine, and a job without the permission is told about it.
    assert_eq!(github("http://token.test/").unwrap_err().code(), "E-USAGE");
    let error = in_these(&[("GITHUB_ACTIONS", "true")]).unwrap_err();
    assert_eq!(error.code(), "E-TOKEN");
    assert!(error.to_string().contains("id-token: write"), "{error}");
}

#[test]
fn a_job_at_gitlab_names_its_token() {
    let issuer = Issuer::start();
    let text = issuer.token(WHO);
    let token = in_these(&[("GITLAB_CI", "true"), ("SIGSTORE_ID_TOKEN", &text)]).unwrap().unwrap();
    assert_eq!(token.email(), Some(WHO));
    let other = issuer.token_with(WHO, |claims| claims["aud"] = "https://gitlab.com".into());
    for variables in [
        vec![("GITLAB_CI", "true")],
        vec![("GITLAB_CI", "true"), ("SIGSTORE_ID_TOKEN", other.as_str())],
        vec![("GITLAB_CI", "true"), ("CI_JOB_JWT", text.as_str())],
    ] {
        assert_eq!(in_these(&variables).unwrap_err().code(), "E-TOKEN", "{variables:?}");
    }
}

#[test]
fn a_machine_at_google_has_an_identity() {
    let token = Issuer::start().token("robot@project.iam.gserviceaccount.test");
    let metadata = HttpServer::start(move |request| {
        let asked = request.headers.contains(&("metadata-flavor".to_owned(), "Google".to_owned()));
        assert!(asked, "{request:?}");
        HttpAnswer::Full(200, "text/html", token.clone().into_bytes())
    });
    let token = google_of(&metadata).unwrap().unwrap();
    assert_eq!(token.email(), Some("robot@project.iam.gserviceaccount.test"));
    let target =
        "/computeMetadata/v1/instance/service-accounts/default/identity?format=full&audience=sigstore";
    assert_eq!(metadata.seen()[0].target, target);
}

#[test]
fn a_metadata_service_that_has_none() {
    let other = Issuer::start().token_with(WHO, |claims| claims["aud"] = "other".into());
    for (answer, code) in [
        (HttpAnswer::Full(404, "text/html", Vec::new()), "E-SERVICE"),
        (HttpAnswer::Full(200, "text/html", vec![0xff]), "E-SERVICE"),
        (HttpAnswer::Full(200, "text/html", b"<html>".to_vec()), "E-TOKEN"),
        (HttpAnswer::Full(200, "text/html", other.into_bytes()), "E-TOKEN"),
        (HttpAnswer::Redirect("http://127.0.0.1:1/".to_owned()), "E-SERVICE"),
        (HttpAnswer::Endless, "E-SERVICE"),
        (HttpAnswer::HangUp, "E-NETWORK"),
    ] {
        let shown = format!("{answer:?}");
        let metadata = HttpServer::start(move |_| answer.clone());
        let error = google_of(&metadata).unwrap_err();
        assert_eq!(error.code(), code, "{shown}: {error}");
    }
}
