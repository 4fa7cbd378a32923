//! Tokens over JSON, gRPC and gRPC-Web: the same callers, and the same answers to those that are none.

use serde_json::json;

use super::{AUDIENCE, bearer, in_a_world};
use crate::support::{Ask, Sent, TestIssuer, Wire};

const TEN_MINUTES: Sent = Some((600, 0));

in_a_world! {
    async fn a_token_is_the_same_caller_on_every_wire(world) {
        let (one, two) = (world.tenant("One").await, world.tenant("Two").await);
        let now = chrono::Utc::now().timestamp();
        let root = world.of_ours(json!({ "groups": ["ops"] }));
        let lifetimes = [TEN_MINUTES, TEN_MINUTES, TEN_MINUTES, TEN_MINUTES];
        assert_eq!(world.app.ask(Wire::Grpc, &root, Ask::Add(lifetimes)).await.code, 0);
        let forger = TestIssuer::start().await;
        let made_up = forger.token(json!({ "iss": world.ours.url(), "sub": "ann", "aud": AUDIENCE }));
        let viewer = world.of_theirs(json!({ "gatewood_roles": ["viewer"] }));
        let needed = "a valid credential is needed";
        let too_old = "the token is older than the accessTokenLifetime of 10m; get a new one";
        for wire in Wire::ALL {
            for (title, caller, code, message) in [
                ("root", root.clone(), 0, ""),
                ("a viewer of one tenant", viewer.about(&one), 0, ""),
                ("a viewer of the other", viewer.about(&two), 0, ""),
                ("nobody's viewer", viewer.clone(), 3, "X-Tenant-ID"),
                ("a user without a role", world.of_ours(json!({})), 7, "the policies do not allow this"),
                ("a forged token", bearer(&world.app, &made_up), 16, needed),
                ("a token for another", world.of_ours(json!({ "aud": "somebody" })), 16, needed),
                ("an old token", world.of_ours(json!({ "iat": now - 700, "exp": now + 700 })), 16, too_old),
            ] {
                let said = world.app.ask(wire, &caller, Ask::Get).await;
                assert_eq!(said.code, code, "{title}: {said:?}");
                assert!(said.message.contains(message), "{title}: {said:?}");
            }
        }
    }
}
