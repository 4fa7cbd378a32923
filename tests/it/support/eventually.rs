//! Waiting for what happens in the background.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long it may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again until the answer is as it should be, and gives it.
pub(crate) async fn eventually<T: Debug>(what: &str, mut ask: impl AsyncFnMut() -> T, right: impl Fn(&T) -> bool) -> T {
    let began = Instant::now();
    loop {
        let answer = ask().await;
        if right(&answer) {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: it does not come to pass: {answer:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
