/* SPDX-License-Identifier: ISC */
/* Digests under a key; see digest.h. */
#include <config.h>

#include "connection/digest.h"

static uint64_t rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static void mix_rounds(uint64_t v[4], int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void add_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	mix_rounds(v, 2);
	v[0] ^= word;
}

uint64_t pp_digest(const uint64_t key[2], const uint64_t *words, size_t count)
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573,
	};

	for (size_t i = 0; i < count; i++)
		add_word(v, words[i]);
	add_word(v, (uint64_t)count * 8 << 56);
	v[2] ^= 0xff;
	mix_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
