//! A runtime that outlives those of callers: a test's ends with the test, and what `Drop`
//! starts must not depend on it.

use std::sync::{LazyLock, mpsc::sync_channel};

use anyhow::{Context as _, Result};
use tokio::{
    runtime::{Handle, Runtime},
    task::block_in_place,
};

/// Name of the background runtime's thread.
pub const BACKGROUND: &str = "postgres-background";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(BACKGROUND)
        .enable_all()
        .build()
        .expect("a thread for a runtime")
});

/// The runtime for what outlives the caller's, such as connections that tests share.
pub fn background() -> &'static Runtime {
    &RUNTIME
}

/// Blocks the thread until `work` is done in the background.
///
/// # Errors
///
/// Those of `work`, and when it panics.
pub fn wait_for<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = sync_channel(1);
    RUNTIME.spawn(async move { sender.send(work.await) });
    let receive = || receiver.recv().context("a background task panicked")?;
    match Handle::try_current() {
        // Its thread is the one that is to do the work.
        Ok(current) if current.id() == RUNTIME.handle().id() => block_in_place(receive),
        _ => receive(),
    }
}
