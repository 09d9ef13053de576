# Configuration of Atlas: https://atlasgo.io/atlas-schema/projects

# The environment of `just apply` and `just status`. The URL holds a password, so it is passed
# in a variable and not on the command line.
env "project" {
  url = getenv("ATLAS_URL")
  migration {
    dir = getenv("ATLAS_DIR_URL")
  }
}

# For running Atlas by hand, with an edition that supports external schemas. It plans less than
# `just create-migrations`, which does not use it: no views, functions, triggers or renames.
#   ATLAS_DEV_URL=postgres://... atlas migrate diff NAME --env local
data "external_schema" "entities" {
  program = ["cargo", "run", "--quiet", "--bin", "print-schema"]
}

env "local" {
  src = data.external_schema.entities.url
  dev = getenv("ATLAS_DEV_URL")
  migration {
    dir = "file://migrations"
  }
}
