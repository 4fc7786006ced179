/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames for a generator that cannot make them itself: mixed sizes, and ESP (RFC 4303,
 * RFC 4106). Sealed by OpenSSL, so that the gateway opens what another
 * implementation made. In the file the sequence numbers of each client rise by one
 * from round to round: it may be sent once after each renewal of the SAs.
 */
#include "bench/pktgen/clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define L2        14u
#define IP        20u
#define UDP       8u
#define ESP       16u /* SPI, sequence number, IV */
#define ICV       16u
#define FRAME_MAX 2048u

struct pcap_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, precision, snap, link;
};

struct pcap_record {
	uint32_t seconds, micros, kept, length;
};

struct writer {
	const struct frames *what;
	EVP_CIPHER_CTX *cipher;
	uint32_t *order;
	uint64_t state;
	FILE *file;
	uint8_t frame[FRAME_MAX];
};

static uint32_t below(struct writer *w, uint32_t n)
{
	/* splitmix64 */
	uint64_t z = w->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(((z ^ z >> 31) >> 32) * n >> 32);
}

static void shuffle(struct writer *w)
{
	for (uint32_t i = w->what->n - 1; i > 0; i--) {
		const uint32_t other = below(w, i + 1), keep = w->order[i];

		w->order[i] = w->order[other];
		w->order[other] = keep;
	}
}

/* Of the `at`th frame: twelve in a row are one IMIX, and the clients come in random order. */
static uint32_t size_of(const struct frames *what, uint64_t at)
{
	if (what->size != CLIENTS_IMIX)
		return what->size;
	switch (at % 12) {
	case 11:
		return 1400;
	case 1:
	case 4:
	case 7:
	case 10:
		return 594;
	default:
		return 64;
	}
}

static void put_sum(uint8_t *ip)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < IP; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (uint8_t)(~sum >> 8);
	ip[11] = (uint8_t)~sum;
}

static void put_ip(uint8_t *ip, uint32_t from, uint32_t to, uint8_t protocol, uint32_t len)
{
	memset(ip, 0, IP);
	ip[0] = 0x45;
	ip[2] = (uint8_t)(len >> 8);
	ip[3] = (uint8_t)len;
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, &from, 4);
	memcpy(ip + 16, &to, 4);
	put_sum(ip);
}

/* A UDP datagram without a checksum (RFC 768), to the discard service. */
static void put_inner(uint8_t *ip, uint32_t from, uint32_t to, uint32_t len)
{
	static const uint8_t ports[4] = {0xc0, 0x00, 0x00, 0x09};

	put_ip(ip, from, to, IPPROTO_UDP, len);
	memset(ip + IP, 0, len - IP);
	memcpy(ip + IP, ports, sizeof(ports));
	ip[IP + 4] = (uint8_t)((len - IP) >> 8);
	ip[IP + 5] = (uint8_t)(len - IP);
}

/* Seals `len` bytes behind the ESP header in place and appends the ICV. The number's upper half, which
 * only the ICV covers, is 0 throughout (RFC 4303 2.2.1). */
static int seal(struct writer *w, uint32_t client, uint8_t *esp, uint32_t len)
{
	uint8_t key[CLIENTS_KEY_LEN + CLIENTS_SALT_LEN], nonce[12], aad[12] = {0};
	int n = 0, rc = clients_key(client, key);

	if (rc != 0)
		return rc;
	memcpy(nonce, key + CLIENTS_KEY_LEN, CLIENTS_SALT_LEN);
	memcpy(nonce + 4, esp + 8, 8);
	memcpy(aad, esp, 4);
	memcpy(aad + 8, esp + 4, 4);
	if (EVP_EncryptInit_ex(w->cipher, EVP_aes_128_gcm(), NULL, key, nonce) != 1 ||
	    EVP_EncryptUpdate(w->cipher, NULL, &n, aad, sizeof(aad)) != 1 ||
	    EVP_EncryptUpdate(w->cipher, esp + ESP, &n, esp + ESP, (int)len) != 1 ||
	    EVP_EncryptFinal_ex(w->cipher, esp + ESP + len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(w->cipher, EVP_CTRL_AEAD_GET_TAG, ICV, esp + ESP + len) != 1)
		rc = -EIO;
	explicit_bzero(key, sizeof(key));
	return rc;
}

/* The outer IP packet; its length. */
static int put_esp(struct writer *w, uint32_t client, uint32_t number, uint32_t size, uint32_t *outer_len)
{
	uint8_t *outer = w->frame + L2, *esp = outer + IP;
	const uint32_t len = (size + 2 + 3) & ~3u, pad = len - size - 2, spi = clients_spi(client);
	const uint32_t seq[3] = {htonl(number), 0, htonl(number)};

	memcpy(esp, &spi, 4);
	memcpy(esp + 4, seq, sizeof(seq)); /* the IV is the number once more */
	put_inner(esp + ESP, clients_inner(client), clients_server(), size);
	for (uint32_t i = 0; i < pad; i++)
		esp[ESP + size + i] = (uint8_t)(i + 1);
	esp[ESP + len - 2] = (uint8_t)pad;
	esp[ESP + len - 1] = IPPROTO_IPIP;
	*outer_len = IP + ESP + len + ICV;
	put_ip(outer, clients_outer(client), clients_gateway(), IPPROTO_ESP, *outer_len);
	return seal(w, client, esp, len);
}

static int write_frame(struct writer *w, uint32_t client, uint32_t round, uint64_t at)
{
	uint32_t len = size_of(w->what, at);
	struct pcap_record record = {0};
	int rc = 0;

	if (w->what->decrypt)
		rc = put_esp(w, client, round + 1, len, &len);
	else
		put_inner(w->frame + L2, clients_server(), clients_inner(client), len);
	if (rc != 0)
		return rc;
	record.kept = record.length = L2 + len;
	if (fwrite(&record, sizeof(record), 1, w->file) != 1 || fwrite(w->frame, L2 + len, 1, w->file) != 1)
		return -EIO;
	return 0;
}

static int write_all(struct writer *w)
{
	const struct pcap_header header = {
	        .magic = 0xa1b2c3d4, .major = 2, .minor = 4, .snap = 65535, .link = 1};
	uint64_t at = 0;
	int rc = fwrite(&header, sizeof(header), 1, w->file) == 1 ? 0 : -EIO;

	memcpy(w->frame, w->what->to, 6);
	memcpy(w->frame + 6, w->what->from, 6);
	w->frame[12] = 0x08;
	for (uint32_t i = 0; i < w->what->n; i++)
		w->order[i] = i;
	for (uint32_t round = 0; rc == 0 && round < w->what->rounds; round++) {
		shuffle(w);
		for (uint32_t i = 0; rc == 0 && i < w->what->n; i++)
			rc = write_frame(w, w->order[i], round, at++);
	}
	if (rc == 0 && fflush(w->file) != 0)
		rc = -EIO;
	return rc;
}

int frames_write(FILE *file, const struct frames *what)
{
	struct writer *w;
	int rc = -ENOMEM;

	if (what->n == 0 || what->n > CLIENTS_MAX || what->rounds == 0)
		return -EINVAL;
	if (what->size != CLIENTS_IMIX &&
	    (what->size < IP + UDP || what->size > FRAME_MAX - L2 - IP - ESP - ICV - 8))
		return -EINVAL;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	w->what = what;
	w->file = file;
	w->state = 1;
	w->order = calloc(what->n, sizeof(*w->order));
	w->cipher = EVP_CIPHER_CTX_new();
	if (w->order != NULL && w->cipher != NULL)
		rc = write_all(w);
	EVP_CIPHER_CTX_free(w->cipher);
	free(w->order);
	free(w);
	return rc;
}
