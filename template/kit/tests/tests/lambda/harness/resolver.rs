//! The resolver of a function: replaces `getaddrinfo` of the C library.

use std::path::Path;
use std::process::Command;

use super::function::FunctionEnv;

/// Fails FAILS times, counted in the file STATE, then returns ADDRESSES for any name.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int getaddrinfo(const char *n, const char *s, const struct addrinfo *h, struct addrinfo **out) {
    int count = 0;
    FILE *state = fopen(getenv("RESOLVER_STATE"), "r");
    if (state) { fscanf(state, "%d", &count); fclose(state); }
    state = fopen(getenv("RESOLVER_STATE"), "w");
    fprintf(state, "%d", count + 1);
    fclose(state);
    if (count < atoi(getenv("RESOLVER_FAILS"))) return EAI_AGAIN;
    struct addrinfo *first = NULL, **next = &first;
    char *list = strdup(getenv("RESOLVER_ADDRESSES"));
    for (char *one = strtok(list, " "); one; one = strtok(NULL, " ")) {
        struct addrinfo *info = calloc(1, sizeof *info);
        struct sockaddr_in *address = calloc(1, sizeof *address);
        address->sin_family = AF_INET;
        inet_pton(AF_INET, one, &address->sin_addr);
        info->ai_family = AF_INET;
        info->ai_socktype = SOCK_STREAM;
        info->ai_addrlen = sizeof *address;
        info->ai_addr = (struct sockaddr *)address;
        *next = info;
        next = &info->ai_next;
    }
    *out = first;
    return 0;
}
void freeaddrinfo(struct addrinfo *info) {}
"#;

/// Makes the function resolve every name to `addresses`, after `fails` answers of EAI_AGAIN.
/// `directory` is for the library.
pub fn use_resolver(env: &mut FunctionEnv, directory: &Path, fails: u32, addresses: &str) {
    let source = directory.join("resolver.c");
    let library = directory.join("resolver.so");
    std::fs::write(&source, SOURCE).unwrap();
    let cc = Command::new("cc")
        .args(["-shared", "-fPIC", "-w", "-o"])
        .args([&library, &source])
        .status();
    assert!(cc.expect("cc runs, as for Rust").success());
    env.set("LD_PRELOAD", library.to_str().unwrap())
        .set("RESOLVER_STATE", directory.join("resolver.count").to_str().unwrap())
        .set("RESOLVER_FAILS", fails.to_string())
        .set("RESOLVER_ADDRESSES", addresses);
}
