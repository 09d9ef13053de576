-- The tables of the Chinook sample database.
CREATE TABLE "Artist" ("ArtistId" int PRIMARY KEY, "Name" varchar(120));
CREATE TABLE "Album" (
    "AlbumId" int CONSTRAINT "PK_Album" PRIMARY KEY, "Title" varchar(160) NOT NULL,
    "ArtistId" int NOT NULL CONSTRAINT "FK_AlbumArtistId" REFERENCES "Artist"
);
CREATE INDEX "IFK_AlbumArtistId" ON "Album" ("ArtistId");
CREATE TABLE "MediaType" ("MediaTypeId" int PRIMARY KEY, "Name" varchar(120));
CREATE TABLE "Genre" ("GenreId" int PRIMARY KEY, "Name" varchar(120));
CREATE TABLE "Track" (
    "TrackId" int PRIMARY KEY, "Name" varchar(200) NOT NULL, "AlbumId" int REFERENCES "Album",
    "MediaTypeId" int NOT NULL REFERENCES "MediaType", "GenreId" int REFERENCES "Genre",
    "Composer" varchar(220), "Milliseconds" int NOT NULL, "Bytes" int, "UnitPrice" numeric(10,2) NOT NULL
);
CREATE TABLE "Playlist" ("PlaylistId" int PRIMARY KEY, "Name" varchar(120));
CREATE TABLE "PlaylistTrack" (
    "PlaylistId" int REFERENCES "Playlist", "TrackId" int REFERENCES "Track",
    CONSTRAINT "PK_PlaylistTrack" PRIMARY KEY ("PlaylistId", "TrackId")
);
CREATE TABLE "Employee" (
    "EmployeeId" int PRIMARY KEY, "LastName" varchar(20) NOT NULL, "FirstName" varchar(20) NOT NULL,
    "Title" varchar(30), "ReportsTo" int REFERENCES "Employee" ON DELETE SET NULL,
    "BirthDate" timestamp, "Email" varchar(60)
);
CREATE TABLE "Customer" (
    "CustomerId" int PRIMARY KEY, "FirstName" varchar(40) NOT NULL, "LastName" varchar(20) NOT NULL,
    "Email" varchar(60) NOT NULL UNIQUE, "SupportRepId" int REFERENCES "Employee"
);
CREATE TABLE "Invoice" (
    "InvoiceId" int PRIMARY KEY, "CustomerId" int NOT NULL REFERENCES "Customer" ON DELETE CASCADE,
    "InvoiceDate" timestamp NOT NULL, "Total" numeric(10,2) NOT NULL DEFAULT 0
);
CREATE TABLE "InvoiceLine" (
    "InvoiceLineId" int PRIMARY KEY, "InvoiceId" int NOT NULL REFERENCES "Invoice",
    "TrackId" int NOT NULL REFERENCES "Track", "Quantity" int NOT NULL CHECK ("Quantity" > 0)
);
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
