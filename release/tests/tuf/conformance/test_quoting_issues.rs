use std::path::{Component, Path};

use lacre_testkit::TufSimulator;

use crate::client::Client;

#[test]
fn test_unusual_role_name() {
    for (role, quoted) in [
        ("?", "%3F"),
        ("#", "%23"),
        ("/delegatedrole", "%2Fdelegatedrole"),
        ("../delegatedrole", "..%2Fdelegatedrole"),
        ("..", ".."),
        ("a\\b", "a%5Cb"),
        ("\n\u{0}", "%0A%00"),
    ] {
        let mut repository = TufSimulator::new();
        repository.delegate("targets", role, &["*"]);
        repository.publish_all();
        let mut client = Client::of(&repository);
        let error = client.download(&repository, &["nonexistent target"]).unwrap_err();
        assert_eq!(error.code(), "E-TUF-MISSING", "{role:?}: {error}");
        assert_eq!(repository.asked().last(), Some(&format!("1.{quoted}.json")));
        assert_eq!(client.stored().len(), 5, "{role:?}");
        for name in client.kept.files().keys() {
            let parts: Vec<Component<'_>> = Path::new(name).components().collect();
            assert!(matches!(parts.as_slice(), [Component::Normal(_)]), "{name}");
        }
    }
}
