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
        ("2.root", "2.root"),
    ] {
        let mut repository = TufSimulator::new();
        repository.delegate("targets", role, &["*"]);
        repository.publish_all();
        let mut client = Client::of(&repository);
        assert_eq!(client.download_outcome(&repository, "nonexistent target"), "E-TUF-MISSING");
        assert_eq!(repository.asked().last(), Some(&format!("1.{quoted}.json")));
        assert_eq!(client.stored().len(), 5, "{role:?}");
        for name in client.kept.files().keys() {
            let parts: Vec<Component<'_>> = Path::new(name).components().collect();
            assert!(matches!(parts.as_slice(), [Component::Normal(_)]), "{name}");
        }
    }
}
