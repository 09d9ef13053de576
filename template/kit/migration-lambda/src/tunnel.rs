//! Carries Atlas' connections to the server, so that they are encrypted and verified as the
//! function's own are, and reads the server's errors: Atlas repeats the message alone, not its
//! code, detail and hint.

use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Error, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

use crate::patience::may_pass;
use crate::server::Server;

/// Ends of both sides within this time are one.
const SIMULTANEOUS: Duration = Duration::from_millis(50);

/// Errors to keep.
const KEPT: usize = 20;

/// A port of 127.0.0.1 that leads to the server until the tunnel is dropped.
pub struct Tunnel {
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What went wrong last.
#[derive(Debug, Default)]
struct Seen {
    /// The last first: a failure may cause others, such as "current transaction is aborted".
    errors: VecDeque<ServerError>,
    /// The server closed a connection, or cannot be reached.
    lost: Option<Error>,
}

impl Seen {
    fn add(&mut self, error: ServerError) {
        self.errors.truncate(KEPT);
        self.errors.push_front(error);
    }
}

/// An error of the server.
/// <https://www.postgresql.org/docs/current/protocol-error-fields.html>
#[derive(Clone, Debug)]
pub struct ServerError {
    pub code: SqlState,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
}

impl Tunnel {
    pub async fn open(server: Server) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("cannot listen on 127.0.0.1")?;
        let port = listener.local_addr().context("cannot listen on 127.0.0.1")?.port();
        let seen = Arc::new(Mutex::<Seen>::default());
        let shared = seen.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (server, seen) = (server.clone(), shared.clone());
                connections.spawn(async move {
                    if let Err(error) = carry(client, &server, &seen).await {
                        lock(&seen).lost = Some(error);
                    }
                });
            }
        });
        Ok(Self { port, seen, task })
    }

    /// Returns the server's error that Atlas' message repeats.
    pub fn error(&self, message: &str) -> Option<ServerError> {
        let seen = lock(&self.seen);
        seen.errors.iter().find(|error| message.contains(&error.message)).cloned()
    }

    /// Returns why a connection was lost, if trying again may succeed.
    pub fn lost(&self) -> Option<String> {
        lock(&self.seen).lost.as_ref().filter(|error| may_pass(error)).map(|e| format!("{e:#}"))
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ServerError {
    /// Returns detail and hint, as an addition to a sentence.
    pub fn more(&self) -> String {
        let part = |name, text: &Option<String>| {
            text.as_ref().map(|text| format!("; {name}: {text}")).unwrap_or_default()
        };
        part("detail", &self.detail) + &part("hint", &self.hint)
    }

    fn parse(body: &[u8]) -> Self {
        let fields = || body.split(|byte| *byte == 0).filter_map(<[u8]>::split_first);
        let field = |name: u8| {
            let (_, text) = fields().find(|(code, _)| **code == name)?;
            Some(String::from_utf8_lossy(text).into_owned())
        };
        Self {
            code: SqlState::from_code(&field(b'C').unwrap_or_default()),
            message: field(b'M').unwrap_or_default(),
            detail: field(b'D'),
            hint: field(b'H'),
        }
    }
}

/// Carries one connection until either side ends it.
///
/// # Errors
/// When the server is not reached, or ends it.
async fn carry(mut client: TcpStream, server: &Server, seen: &Mutex<Seen>) -> Result<()> {
    // Otherwise each part of a message waits for the receipt of the one before, 40 ms.
    client.set_nodelay(true)?;
    let stream = server.connect(|stream| async { Ok(stream) }).await?;
    let (mut from_client, to_client) = client.split();
    let (from_server, mut to_server) = tokio::io::split(stream);
    let mut requests = pin!(tokio::io::copy(&mut from_client, &mut to_server));
    tokio::select! {
        ended = &mut requests => ended.map(drop).context("the connection was lost"),
        lost = answers(from_server, to_client, seen) => {
            // The server's answer to the end of the client may be noticed first.
            match timeout(SIMULTANEOUS, requests).await {
                Ok(Ok(_)) => Ok(()),
                _ => lost.context("the connection was lost"),
            }
        }
    }
}

/// Forwards the messages of the server. Never ends without an error.
async fn answers(
    server: impl AsyncRead + Unpin,
    mut client: impl AsyncWrite + Unpin,
    seen: &Mutex<Seen>,
) -> io::Result<()> {
    let mut server = BufReader::new(server);
    loop {
        let tag = server.read_u8().await?;
        let length = server.read_u32().await?;
        let head = [&[tag][..], &length.to_be_bytes()].concat();
        let mut body = (&mut server).take(u64::from(length).saturating_sub(4));
        client.write_all(&head).await?;
        if tag == b'E' {
            let mut error = Vec::new();
            body.read_to_end(&mut error).await?;
            lock(seen).add(ServerError::parse(&error));
            client.write_all(&error).await?;
        } else {
            tokio::io::copy(&mut body, &mut client).await?;
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
