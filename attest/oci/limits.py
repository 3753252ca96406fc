"""Every cap on what a store may make us read, with the reason beside it. Units are bytes unless said otherwise."""

from __future__ import annotations

from typing import Final

MiB: Final = 1024 * 1024

MANIFEST: Final = 4 * MiB  # distribution-spec 1.1 asks registries to take 4 MiB and no more
MANIFESTS: Final = 32 * MiB  # all manifests of one image, and once more all that hang off it: a few KiB each
STATEMENT: Final = 16 * MiB  # mode=max provenance of the largest builds we have seen is 6 MiB
SBOM: Final = 32 * MiB  # SPDX of 20,000 packages is about 25 MiB; what lists every file too is for other tools
CONFIG: Final = 8 * MiB  # an image config holds the history and environment, never data
VALUES: Final = 2_500_000  # in one JSON document: 20,000 packages in SPDX; a value takes up to 130 bytes of memory
DENSE_VALUES: Final = 250_000  # in a document that is next to nothing but values
BYTES_A_VALUE: Final = 4  # a document of fewer is one; real ones have 8 and more
NESTING: Final = 100  # lists and objects in each other; the deepest of BuildKit's, 14
ANSWER: Final = 1 * MiB  # token and error answers are a few hundred bytes

DEPTH: Final = 4  # indexes in indexes; tools write one level, imagetools at most two
CHILDREN: Final = 1_000  # manifests in one index; the widest public images have about 40
REFERRERS: Final = 1_000  # referrers of one digest that are looked at; each costs two requests
STATEMENTS: Final = 100  # statements in one attestation manifest; BuildKit writes one a scanner, and the provenance
SUBJECTS: Final = 10_000  # subjects of one statement; a release of many files has hundreds
SIGNATURES: Final = 10  # signatures of one envelope; each is tried with each accepted key
EVIDENCE: Final = 128 * MiB  # all statements and bundles of one image, which are held at the same time
SAVED_MANIFEST: Final = 64 * 1024  # a bundle's manifest, which cosign saves among layers without listing it: 1 KiB
TAR_MEMBERS: Final = 100_000  # files in one archive; a layout has one for each blob, and blobs are layers
TAR_GLOBALS: Final = 100  # pax records for the whole archive, which cost anew for each file; git writes one
LISTS: Final = 16 * MiB  # all lists of referrers of one image; an entry takes 300 bytes
TAR_HEADERS: Final = 256 * MiB  # all headers of one archive; a file's takes half a KiB, with pax records two
REFERRER_PAGES: Final = 50  # pages of a referrers list: a registry that pages for ever stops here

PARALLEL: Final = 16  # requests in flight: what there is to ask about one platform is 14 questions, one round
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0  # without a byte, and for all headers; a large blob that flows may take longer
TRANSFER_SECONDS: Final = 600.0  # one body: the largest SBOM at 220 KiB/s; a registry that drips ends here
COMMAND_SECONDS: Final = 1800.0  # all questions to one registry about one image; a CI job is stopped after an hour
REDIRECTS: Final = 5  # a blob's way to its storage is one or two
RETRIES: Final = 3  # of reading; what fails four times will not heal while we wait
RETRY_AFTER_SECONDS: Final = 10.0  # a registry that asks for more is not waited for: the job should say so
HELPER_SECONDS: Final = 20.0  # a credential helper that asks a cloud needs seconds; one that asks a person hangs
LOCK_SECONDS: Final = 60.0  # others that write the same list need milliseconds each
FALLBACK_TRIES: Final = 5  # writes of a fallback tag that other machines overwrite at the same time
