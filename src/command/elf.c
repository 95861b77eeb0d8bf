/* SPDX-License-Identifier: ISC */
/* Reading ELF files; see elf.h. */
#include <config.h>

#include "command/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file in memory. */
struct image {
	const unsigned char *bytes;
	size_t size;
};

/* So many bytes at an offset, or NULL where the file does not have them. */
static const void *image_part(const struct image *image, uint64_t offset,
			      uint64_t size)
{
	if (offset > image->size || size > image->size - offset)
		return NULL;
	return image->bytes + offset;
}

/* Maps a regular file. Returns 0 or -errno. */
static int map_image(const char *path, struct image *image)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;
	int result = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) != 0)
		result = -errno;
	else if (!S_ISREG(status.st_mode) || status.st_size < EI_NIDENT)
		result = -ENOEXEC;
	if (result == 0) {
		image->size = (size_t)status.st_size;
		image->bytes = mmap(NULL, image->size, PROT_READ, MAP_PRIVATE,
				    fd, 0);
		if (image->bytes == MAP_FAILED)
			result = -errno;
	}
	close(fd);
	return result;
}

/* Does a string of a string table equal the word? */
static bool strings_have(const void *strings, size_t size, const char *word)
{
	const size_t length = strlen(word) + 1;
	const char *at = strings, *found;

	while ((found = memmem(at, size, word, length)) != NULL) {
		if (found == (const char *)strings || found[-1] == '\0')
			return true;
		size -= (size_t)(found + 1 - at);
		at = found + 1;
	}
	return false;
}

/* Notes of Go's own linker, which are there also where sections are not. */
static bool notes_are_go(const struct image *image, const ElfW(Phdr) *part)
{
	const char *note = image_part(image, part->p_offset, part->p_filesz);

	return note != NULL &&
	       memmem(note, part->p_filesz, "Go\0\0", 4) != NULL;
}

/* One of these words, ended by NULL? */
static bool strings_have_one(const void *strings, size_t size,
			     const char *const *words)
{
	for (; *words != NULL; words++)
		if (strings_have(strings, size, *words))
			return true;
	return false;
}

/* What a program takes from libraries by name. */
static void read_imports(const void *strings, size_t size, struct pp_elf *elf)
{
	static const char *const accepts[] = { "accept", "accept4", NULL };
	static const char *const urings[] = { "liburing.so.2", "liburing.so.1",
					      NULL };
	static const char *const users[] = { "seteuid", "setreuid",
					     "setresuid", NULL };
	static const char *const capabilities[] = { "cap_set_proc", "capset",
						    "capng_apply", NULL };
	static const char *const executes[] = {
		"execl", "execle", "execlp", "execv", "execve", "execvp",
		"execvpe", "fexecve", "posix_spawn", "posix_spawnp", NULL
	};

	elf->imports_accept = strings_have_one(strings, size, accepts);
	elf->listens_by_uring = strings_have_one(strings, size, urings) &&
				(elf->imports_accept ||
				 strings_have(strings, size, "listen"));
	elf->executes_as_another =
		strings_have_one(strings, size, users) &&
		strings_have_one(strings, size, capabilities) &&
		strings_have_one(strings, size, executes);
}

static void read_section(const struct image *image, const ElfW(Shdr) *section,
			 const char *name, struct pp_elf *elf)
{
	const char *bytes = image_part(image, section->sh_offset,
				       section->sh_size);

	if (strcmp(name, ".note.go.buildid") == 0 ||
	    strcmp(name, ".gopclntab") == 0 ||
	    strcmp(name, ".go.buildinfo") == 0)
		elf->is_go = true;
	else if (strcmp(name, ".fpcdata") == 0)
		elf->is_free_pascal = true;
	else if (bytes != NULL && strcmp(name, ".dynstr") == 0)
		read_imports(bytes, section->sh_size, elf);
}

/* Sections may be missing: nothing is told by that. */
static void read_sections(const struct image *image, const ElfW(Ehdr) *head,
			  struct pp_elf *elf)
{
	ElfW(Shdr) names, section;
	const unsigned char *sections =
		image_part(image, head->e_shoff,
			   (uint64_t)head->e_shnum * sizeof(section));
	const char *text;

	if (sections == NULL || head->e_shstrndx >= head->e_shnum ||
	    head->e_shentsize != sizeof(section))
		return;
	/* they may lie anywhere */
	memcpy(&names, sections + head->e_shstrndx * sizeof(names),
	       sizeof(names));
	text = image_part(image, names.sh_offset, names.sh_size);
	if (text == NULL || names.sh_size == 0 ||
	    text[names.sh_size - 1] != '\0')
		return;
	for (size_t i = 0; i < head->e_shnum; i++) {
		memcpy(&section, sections + i * sizeof(section),
		       sizeof(section));
		if (section.sh_name < names.sh_size)
			read_section(image, &section, text + section.sh_name,
				     elf);
	}
}

/* Returns 0 or -ENOEXEC. */
static int read_segments(const struct image *image, const ElfW(Ehdr) *head,
			 struct pp_elf *elf)
{
	ElfW(Phdr) part;
	const unsigned char *parts =
		image_part(image, head->e_phoff,
			   (uint64_t)head->e_phnum * sizeof(part));

	if (parts == NULL || head->e_phentsize != sizeof(part))
		return -ENOEXEC;
	for (size_t i = 0; i < head->e_phnum; i++) {
		const char *text;

		memcpy(&part, parts + i * sizeof(part), sizeof(part));
		text = image_part(image, part.p_offset, part.p_filesz);
		if (part.p_type == PT_NOTE && notes_are_go(image, &part))
			elf->is_go = true;
		if (part.p_type == PT_INTERP && text != NULL)
			snprintf(elf->loader, sizeof(elf->loader), "%.*s",
				 (int)(part.p_filesz & 0xffff), text);
	}
	return 0;
}

/* Returns 0 or -ENOEXEC. */
static int read_image(const struct image *image, struct pp_elf *elf)
{
	static const uint16_t one = 1;
	const unsigned char order =
		*(const unsigned char *)&one == 1 ? ELFDATA2LSB : ELFDATA2MSB;
	const unsigned char *id = image->bytes;
	const ElfW(Ehdr) *head = image_part(image, 0, sizeof(*head));
	uint16_t machine;

	if (memcmp(id, ELFMAG, SELFMAG) != 0 || image->size < 20)
		return -ENOEXEC;
	/* it is at the same place in both classes */
	memcpy(&machine, id + 18, sizeof(machine));
	if (id[EI_DATA] != order)
		machine = (uint16_t)(machine >> 8 | machine << 8);
	elf->bits = id[EI_CLASS] == ELFCLASS64 ? 64 : 32;
	elf->machine = machine;
	elf->is_native = elf->bits == 8 * sizeof(void *) &&
			 id[EI_DATA] == order;
	if (!elf->is_native)
		return 0;
	if (head == NULL)
		return -ENOEXEC;
	elf->is_position_independent = head->e_type == ET_DYN;
	read_sections(image, head, elf);
	return read_segments(image, head, elf);
}

/* The machine that this program is for. */
static unsigned own_machine(void)
{
	static unsigned machine = EM_NONE;
	struct image image;

	if (machine == EM_NONE && map_image("/proc/self/exe", &image) == 0) {
		const ElfW(Ehdr) *head = image_part(&image, 0, sizeof(*head));

		machine = head->e_machine;
		munmap((void *)(uintptr_t)image.bytes, image.size);
	}
	return machine;
}

int pp_elf_read(const char *path, struct pp_elf *elf)
{
	struct image image;
	int result;

	memset(elf, 0, sizeof(*elf));
	result = map_image(path, &image);
	if (result != 0)
		return result;
	result = read_image(&image, elf);
	munmap((void *)(uintptr_t)image.bytes, image.size);
	if (elf->machine != own_machine())
		elf->is_native = false;
	return result;
}

const char *pp_elf_machine(const struct pp_elf *elf,
			   char text[static PP_MACHINE_TEXT])
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{ EM_386, "i386" },	{ EM_X86_64, "x86-64" },
		{ EM_ARM, "arm" },	{ EM_AARCH64, "arm64" },
		{ EM_PPC64, "ppc64" },	{ EM_S390, "s390" },
		{ EM_RISCV, "riscv" },	{ EM_MIPS, "mips" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].machine == elf->machine)
			return names[i].name;
	snprintf(text, PP_MACHINE_TEXT, "number %u", elf->machine);
	return text;
}
