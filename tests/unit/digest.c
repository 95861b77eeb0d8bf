/* SPDX-License-Identifier: ISC */
/* Digests under a key. */
#include <config.h>

#include "connection/digest.h"

#include "suites.h"
#include "support.h"

#include <string.h>

SUITE("digest");

/*
 * By the vectors of its authors: keys and texts are bytes 0, 1, 2 ...; these
 * are digests of whole words.
 */
TEST(vectors)
{
	static const struct {
		size_t words;
		uint64_t digest;
	} cases[] = {
		{ 0, 0x726fdb47dd0e0e31 },
		{ 1, 0x93f5f5799a932462 },
		{ 2, 0x3f2acc7f57c29bdb },
	};
	uint8_t bytes[16];
	uint64_t key[2], words[2];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	memcpy(key, bytes, sizeof(key));
	memcpy(words, bytes, sizeof(words));
	for (size_t i = 0; i < COUNT(cases); i++)
		if (words[0] == 0x0706050403020100)
			ck_assert_uint_eq(pp_digest(key, words, cases[i].words),
					  cases[i].digest);
}

TEST(each_bit_counts)
{
	uint64_t key[2] = { 1, 2 }, words[10] = { 0 };
	uint64_t digest = pp_digest(key, words, 10);

	for (size_t bit = 0; bit < 640; bit++) {
		words[bit / 64] ^= (uint64_t)1 << bit % 64;
		HOLDS(pp_digest(key, words, 10) != digest, "bit %zu", bit);
		words[bit / 64] ^= (uint64_t)1 << bit % 64;
	}
	for (size_t bit = 0; bit < 128; bit++) {
		key[bit / 64] ^= (uint64_t)1 << bit % 64;
		HOLDS(pp_digest(key, words, 10) != digest, "key's %zu", bit);
		key[bit / 64] ^= (uint64_t)1 << bit % 64;
	}
	ck_assert(pp_digest(key, words, 9) != digest);
}
