# How Atlas plans, lints and applies migrations: https://atlasgo.io/atlas-schema/projects

# `cargo xtask`, and with it every recipe of the justfile, runs Atlas in this
# environment. Secrets stay out of command lines: URLs come by variables.
env "project" {
  src = getenv("ATLAS_SRC_URL")
  url = getenv("ATLAS_URL")
  dev = getenv("ATLAS_DEV_URL")
  migration {
    dir = getenv("ATLAS_DIR_URL")
  }
}
