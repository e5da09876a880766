/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/runtime/runtime.h"
#include "bundle_world.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CRI "tests/data/engines/kubernetes/containerd-1.7/"
#define CRIO "tests/data/engines/crio/1.28/"

#define TASKS "io.containerd.runtime.v2.task/k8s.io"
#define CRIO_DIRS "overlay-containers"

static const struct ctsh_runtime *const kubernetes = &ctsh_runtime_kubernetes;

/* One container of a pod, and how it is written down. */
struct pod {
	const char *ns, *name, *uid;
};

static const struct pod alice = {"lab", "alice", "44e4b37f"};

static json_t *notes_of(json_t *doc)
{
	return json_object_get(doc, "annotations");
}

__attribute__((format(printf, 3, 4))) static void note(json_t *doc,
                                                       const char *key,
                                                       const char *form, ...)
{
	char text[512];
	va_list args;

	va_start(args, form);
	vsnprintf(text, sizeof(text), form, args);
	va_end(args);
	json_object_set_new(notes_of(doc), key, json_string(text));
}

/* A full ID that begins like this. */
static const char *full(const char *start)
{
	static char ids[4][65];
	static unsigned next;
	char *id = ids[next++ % 4];

	snprintf(id, 65, "%s%0*d", start, (int)(64 - strlen(start)), 0);
	return id;
}

static void set_cgroup(json_t *doc, const char *start, const char *id)
{
	char text[256];

	snprintf(text, sizeof(text), "%s%s", start, id);
	json_object_set_new(json_object_get(doc, "linux"), "cgroupsPath",
	                    json_string(text));
}

static json_t *cri_config(const char *file, const char *sandbox,
                          const struct pod *pod)
{
	json_t *doc = bundle_load(file);

	note(doc, "io.kubernetes.cri.sandbox-id", "%s", sandbox);
	note(doc, "io.kubernetes.cri.sandbox-name", "%s", pod->name);
	note(doc, "io.kubernetes.cri.sandbox-namespace", "%s", pod->ns);
	note(doc, "io.kubernetes.cri.sandbox-uid", "%s", pod->uid);
	return doc;
}

/* A bundle of containerd's; takes the document. */
static void put_task(const struct bundle_world *w, const char *id, json_t *doc,
                     pid_t pid)
{
	set_cgroup(doc, "pod1.slice:cri-containerd:", id);
	bundle_make_dirs(bundle_path(w, TASKS "/%s", id));
	bundle_put_json(bundle_path(w, TASKS "/%s/config.json", id), doc);
	bundle_put_json(bundle_path(w, TASKS "/%s/options.json", id),
	                json_pack("{s:s}", "root", bundle_path(w, "runc")));
	bundle_put_pid(bundle_path(w, TASKS "/%s/init.pid", id), pid);
}

static json_t *sandbox_config(const char *id, const struct pod *pod)
{
	json_t *doc = cri_config(CRI "config-sandbox.json", id, pod);

	note(doc, "io.kubernetes.cri.sandbox-log-directory",
	     "/var/log/pods/%s_%s_%s", pod->ns, pod->name, pod->uid);
	return doc;
}

static void put_sandbox(const struct bundle_world *w, const char *id,
                        const struct pod *pod)
{
	put_task(w, id, sandbox_config(id, pod), w->pid);
}

static json_t *container_config(const char *sandbox, const struct pod *pod,
                                const char *name)
{
	json_t *doc = cri_config(CRI "config-container.json", sandbox, pod);

	note(doc, "io.kubernetes.cri.container-name", "%s", name);
	return doc;
}

static void put_container(const struct bundle_world *w, const char *id,
                          const char *sandbox, const struct pod *pod,
                          const char *name)
{
	put_task(w, id, container_config(sandbox, pod, name), w->pid);
}

static json_t *crio_config(const char *id, const char *sandbox,
                           const struct pod *pod, const char *name)
{
	json_t *doc = bundle_load(CRIO "config-container.json");

	note(doc, "io.kubernetes.cri-o.ContainerID", "%s", id);
	note(doc, "io.kubernetes.cri-o.SandboxID", "%s", sandbox);
	note(doc, "io.kubernetes.cri-o.Name", "k8s_%s_%s_%s_%s_0", name,
	     pod->name, pod->ns, pod->uid);
	note(doc, "io.kubernetes.pod.name", "%s", pod->name);
	note(doc, "io.kubernetes.pod.namespace", "%s", pod->ns);
	note(doc, "io.kubernetes.container.name", "%s", name);
	return doc;
}

/* A directory of CRI-O's; takes the document. */
static void put_crio(const struct bundle_world *w, const char *id, json_t *doc,
                     const char *cgroup)
{
	set_cgroup(doc, cgroup, id);
	bundle_make_dirs(bundle_path(w, CRIO_DIRS "/%s/userdata", id));
	bundle_put_json(
		bundle_path(w, CRIO_DIRS "/%s/userdata/config.json", id), doc);
	bundle_put_pid(bundle_path(w, CRIO_DIRS "/%s/userdata/pidfile", id),
	               w->pid);
}

/* The pod lab/alice with the container app, as containerd has it. */
static void begin(struct bundle_world *w)
{
	bundle_begin(w);
	put_sandbox(w, full("5"), &alice);
	put_container(w, full("c"), full("5"), &alice, "app");
}

static enum ctsh_code code_of(const struct bundle_world *w, const char *name)
{
	struct ctsh_target target;
	struct ctsh_error err;

	return bundle_find(kubernetes, w, name, &target, &err);
}

static void check_found(const struct bundle_world *w, const char *name,
                        const char *id, const char *cgroup)
{
	struct ctsh_target target;
	struct ctsh_error err;

	if (bundle_find(kubernetes, w, name, &target, &err) != CTSH_OK)
		fail_msg("%s: %s", name, err.what);
	assert_int_equal(target.pid, w->pid);
	assert_string_equal(target.name, name);
	assert_string_equal(target.id, id);
	assert_string_equal(target.cgroup_id, cgroup);
	assert_int_not_equal(target.not_after.tv_sec, 0);
	assert_true(target.names_seccomp);
}

static void a_container_is_found_by_its_name_or_as_the_only_one(void **state)
{
	struct bundle_world w;

	(void)state;
	begin(&w);
	check_found(&w, "lab/alice", full("c"), full("c"));
	check_found(&w, "lab/alice/app", full("c"), full("c"));
	bundle_end(&w);
}

static void crio_is_looked_through_too(void **state)
{
	struct bundle_world w;
	json_t *sandbox = bundle_load(CRIO "config-sandbox.json");

	(void)state;
	bundle_begin(&w);
	note(sandbox, "io.kubernetes.cri-o.ContainerID", "%s", full("5"));
	put_crio(&w, full("5"), sandbox, "pod1.slice:crio:");
	put_crio(&w, full("c"),
	         crio_config(full("c"), full("5"), &alice, "app"),
	         "pod1.slice:crio:");
	check_found(&w, "lab/alice", full("c"), full("c"));
	check_found(&w, "lab/alice/app", full("c"), full("c"));
	/* Without systemd. */
	put_crio(&w, full("c"),
	         crio_config(full("c"), full("5"), &alice, "app"),
	         "/kubepods/pod1/crio-");
	check_found(&w, "lab/alice/app", full("c"),
	            "crio-c0000000000000000000"
	            "00000000000000000000000000"
	            "000000000000000000");
	bundle_end(&w);
}

static void only_exact_names_fit(void **state)
{
	static const char *const names[] = {
		"lab/alic",      "lab/alice2",      "lab/alice-0",  "la/alice",
		"lab2/alice",    "lab/alice/ap",    "lab/app",      "alice/lab",
		"lab/alice/ap2", "lab/alice/pause", "default/alice"};
	struct bundle_world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(code_of(&w, names[i]), CTSH_E_ABSENT);
	bundle_end(&w);
}

static void the_sandbox_itself_is_nobodys(void **state)
{
	struct bundle_world w;
	json_t *doc;

	(void)state;
	bundle_begin(&w);
	put_sandbox(&w, full("5"), &alice);
	assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_ABSENT);
	/* Even with a container's name on it. */
	doc = sandbox_config(full("5"), &alice);
	note(doc, "io.kubernetes.cri.container-name", "app");
	put_task(&w, full("5"), doc, w.pid);
	assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_ABSENT);
	assert_int_equal(code_of(&w, "lab/alice/app"), CTSH_E_ABSENT);
	bundle_end(&w);
}

static void of_two_containers_one_must_be_named(void **state)
{
	struct bundle_world w;

	(void)state;
	begin(&w);
	put_container(&w, full("d"), full("5"), &alice, "sidecar");
	assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_CONFIG);
	check_found(&w, "lab/alice/app", full("c"), full("c"));
	check_found(&w, "lab/alice/sidecar", full("d"), full("d"));
	bundle_end(&w);
}

static void of_several_attempts_the_running_one_is_taken(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1000000000},
	                                {.tv_sec = 1000000000}};
	struct bundle_world w;
	pid_t ended;

	(void)state;
	begin(&w);
	ended = bundle_process();
	put_task(&w, full("a"), container_config(full("5"), &alice, "app"),
	         ended);
	kill(ended, SIGKILL);
	waitpid(ended, NULL, 0);
	check_found(&w, "lab/alice", full("c"), full("c"));
	/* One whose number somebody else has got. */
	put_container(&w, full("b"), full("5"), &alice, "app");
	assert_int_equal(
		utimensat(AT_FDCWD,
	                  bundle_path(&w, TASKS "/%s/init.pid", full("b")), old,
	                  0),
		0);
	check_found(&w, "lab/alice/app", full("c"), full("c"));
	/* Two that run are too many. */
	put_container(&w, full("b"), full("5"), &alice, "app");
	assert_int_equal(code_of(&w, "lab/alice/app"), CTSH_E_UNSAFE);
	bundle_end(&w);
}

static void in_a_pod_that_runs_a_container_may_come(void **state)
{
	struct ctsh_target target;
	struct bundle_world w;
	struct ctsh_error err;

	(void)state;
	bundle_begin(&w);
	put_sandbox(&w, full("5"), &alice);
	assert_int_equal(
		bundle_find(kubernetes, &w, "lab/alice/app", &target, &err),
		CTSH_E_ABSENT);
	assert_int_equal(err.coming, CTSH_COMING);
	assert_int_equal(
		bundle_find(kubernetes, &w, "lab/bob/app", &target, &err),
		CTSH_E_ABSENT);
	assert_int_equal(err.coming, CTSH_COMING_NOT);
	assert_int_equal(
		unlink(bundle_path(&w, TASKS "/%s/init.pid", full("5"))), 0);
	assert_int_equal(
		bundle_find(kubernetes, &w, "lab/alice/app", &target, &err),
		CTSH_E_ABSENT);
	assert_int_equal(err.coming, CTSH_COMING_NOT);
	bundle_end(&w);
}

static void two_pods_of_one_name_are_none(void **state)
{
	const struct pod later = {"lab", "alice", "99999999"};
	struct bundle_world w;

	(void)state;
	begin(&w);
	put_sandbox(&w, full("6"), &later);
	check_found(&w, "lab/alice", full("c"), full("c"));
	put_container(&w, full("d"), full("6"), &later, "app");
	assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_UNSAFE);
	assert_int_equal(code_of(&w, "lab/alice/app"), CTSH_E_UNSAFE);
	bundle_end(&w);
}

static void one_of_each_engine_are_two(void **state)
{
	struct bundle_world w;

	(void)state;
	begin(&w);
	put_crio(&w, full("d"),
	         crio_config(full("d"), full("6"), &alice, "app"),
	         "pod1.slice:crio:");
	assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_UNSAFE);
	bundle_end(&w);
}

static void a_section_looks_where_it_says(void **state)
{
	struct ctsh_where root = {0}, run_root = {0};
	struct ctsh_target target;
	struct bundle_world w;
	struct ctsh_error err;

	(void)state;
	begin(&w);
	put_crio(&w, full("d"),
	         crio_config(full("d"), full("6"), &alice, "app"),
	         "pod1.slice:crio:");
	root.root = run_root.run_root = w.root;
	assert_int_equal(
		kubernetes->find(&root, "lab/alice", INT64_MAX, &target, &err),
		0);
	assert_string_equal(target.id, full("c"));
	assert_int_equal(kubernetes->find(&run_root, "lab/alice", INT64_MAX,
	                                  &target, &err),
	                 0);
	assert_string_equal(target.id, full("d"));
	bundle_end(&w);
}

static void pods_of_other_namespaces_are_others(void **state)
{
	const struct pod other = {"dev", "alice", "99999999"};
	struct bundle_world w;

	(void)state;
	begin(&w);
	put_sandbox(&w, full("6"), &other);
	put_container(&w, full("d"), full("6"), &other, "app");
	check_found(&w, "lab/alice", full("c"), full("c"));
	check_found(&w, "dev/alice", full("d"), full("d"));
	bundle_end(&w);
}

/*
 * An engine that passes annotations of pods on and does not write over all of
 * them: mallory's pod says that it is alice's, in container and sandbox.  Where
 * its logs are is not its own to say.
 */
static void a_pod_cannot_give_itself_another_name(void **state)
{
	const struct pod mallory = {"evil", "mallory", "66666666"};
	struct bundle_world w;
	json_t *doc;

	(void)state;
	bundle_begin(&w);
	doc = sandbox_config(full("6"), &mallory);
	note(doc, "io.kubernetes.cri.sandbox-name", "alice");
	note(doc, "io.kubernetes.cri.sandbox-namespace", "lab");
	put_task(&w, full("6"), doc, w.pid);
	put_container(&w, full("d"), full("6"), &alice, "app");
	assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_UNSAFE);
	assert_int_equal(code_of(&w, "lab/alice/app"), CTSH_E_UNSAFE);
	/* Nor can it keep alice out. */
	put_sandbox(&w, full("5"), &alice);
	put_container(&w, full("c"), full("5"), &alice, "app");
	check_found(&w, "lab/alice", full("c"), full("c"));
	bundle_end(&w);
}

static void a_sandbox_that_says_otherwise_refuses(void **state)
{
	static const struct {
		const char *key, *value;
	} rows[] = {
		{"io.kubernetes.cri.container-type", "container"},
		{"io.kubernetes.cri.sandbox-id", "6"},
		{"io.kubernetes.cri.sandbox-name", "mallory"},
		{"io.kubernetes.cri.sandbox-namespace", "evil"},
		{"io.kubernetes.cri.sandbox-log-directory",
	         "/var/log/pods/lab_alice-2_44e4b37f"},
		{"io.kubernetes.cri.sandbox-log-directory",
	         "/var/log/pods/lab2_alice_44e4b37f"},
		{"io.kubernetes.cri.sandbox-log-directory",
	         "/var/log/pods/x_lab_alice_44e4b37f"},
	};
	struct bundle_world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < COUNT(rows); i++) {
		json_t *doc = sandbox_config(full("5"), &alice);

		note(doc, rows[i].key, "%s", rows[i].value);
		put_task(&w, full("5"), doc, w.pid);
		assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_UNSAFE);
	}
	/* crictl lets one choose the directory: then there is no name in it. */
	{
		json_t *doc = sandbox_config(full("5"), &alice);

		note(doc, "io.kubernetes.cri.sandbox-log-directory", "/tmp");
		put_task(&w, full("5"), doc, w.pid);
		check_found(&w, "lab/alice", full("c"), full("c"));
	}
	bundle_end(&w);
}

static void a_container_without_its_sandbox_is_absent(void **state)
{
	static const char *const sandboxes[] = {"../moby/5", "", "/", "."};
	struct bundle_world w;

	(void)state;
	bundle_begin(&w);
	put_container(&w, full("c"), full("5"), &alice, "app");
	assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_ABSENT);
	for (size_t i = 0; i < COUNT(sandboxes); i++) {
		put_container(&w, full("c"), sandboxes[i], &alice, "app");
		assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_UNSAFE);
	}
	bundle_end(&w);
}

static void crio_must_call_it_that_itself(void **state)
{
	static const struct {
		const char *key, *value;
	} rows[] = {
		{"io.kubernetes.cri-o.Name", "k8s_app_mallory_evil_6666_0"},
		{"io.kubernetes.cri-o.Name", "k8s_app_alice_lab"},
		{"io.kubernetes.cri-o.Name", "k8s_app_alice_lab2_44e4b37f_0"},
		{"io.kubernetes.cri-o.ContainerID", "c"},
		{"io.container.manager", "libpod"},
	};
	struct bundle_world w;

	(void)state;
	bundle_begin(&w);
	for (size_t i = 0; i < COUNT(rows); i++) {
		json_t *doc = crio_config(full("c"), full("5"), &alice, "app");

		note(doc, rows[i].key, "%s", rows[i].value);
		put_crio(&w, full("c"), doc, "pod1.slice:crio:");
		assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_UNSAFE);
	}
	bundle_end(&w);
}

/* By annotations of the pod, which CRI-O writes over its own of the sandbox. */
static void a_sandbox_of_crio_that_says_it_is_a_container_is_none(void **state)
{
	struct bundle_world w;
	json_t *doc = bundle_load(CRIO "config-sandbox.json");

	(void)state;
	bundle_begin(&w);
	note(doc, "io.kubernetes.cri-o.ContainerID", "%s", full("5"));
	note(doc, "io.kubernetes.cri-o.ContainerType", "container");
	note(doc, "io.kubernetes.cri-o.Name", "k8s_POD_alice_lab_44e4b37f_0");
	put_crio(&w, full("5"), doc, "pod1.slice:crio:");
	assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_UNSAFE);
	put_crio(&w, full("c"),
	         crio_config(full("c"), full("5"), &alice, "app"),
	         "pod1.slice:crio:");
	check_found(&w, "lab/alice", full("c"), full("c"));
	bundle_end(&w);
}

static void what_is_on_its_way_in_or_out_is_passed_over(void **state)
{
	struct bundle_world w;

	(void)state;
	begin(&w);
	bundle_make_dirs(bundle_path(&w, TASKS "/%s", full("1")));
	bundle_make_dirs(bundle_path(&w, TASKS "/%s", full("2")));
	bundle_put(bundle_path(&w, TASKS "/%s/config.json", full("2")),
	           "{\"annotations\": {\"x\": \"alice\"");
	bundle_put(bundle_path(&w, TASKS "/file"), "alice");
	assert_int_equal(symlink(full("c"), bundle_path(&w, TASKS "/link")), 0);
	bundle_make_dirs(bundle_path(&w, TASKS "/.hidden"));
	check_found(&w, "lab/alice", full("c"), full("c"));
	bundle_end(&w);
}

/* A text that is no JSON for us, as one with "\u0000" in an annotation is. */
static void put_unreadable(const struct bundle_world *w, const char *id,
                           size_t size)
{
	char *text = malloc(size + 1);

	assert_non_null(text);
	snprintf(text, size + 1, "%-*s", (int)size,
	         "{\"annotations\": {\"x\": \"alice\", \"y\": \"\\u0000\"}}");
	bundle_make_dirs(bundle_path(w, TASKS "/%s", id));
	bundle_put(bundle_path(w, TASKS "/%s/config.json", id), text);
	free(text);
}

/* It is a pod's author who makes a configuration large, or such. */
static void a_strangers_configuration_changes_no_answer(void **state)
{
	static const size_t sizes[] = {100, 2 << 20};
	struct ctsh_target target;
	struct bundle_world w;
	struct ctsh_error err;

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		begin(&w);
		put_unreadable(&w, full("2"), sizes[i]);
		check_found(&w, "lab/alice", full("c"), full("c"));
		assert_int_equal(unlink(bundle_path(&w, TASKS "/%s/config.json",
		                                    full("c"))),
		                 0);
		assert_int_equal(
			bundle_find(kubernetes, &w, "lab/alice", &target, &err),
			CTSH_E_ABSENT);
		/* As without it: the pod runs. */
		assert_int_equal(err.coming, CTSH_COMING);
		/* But the log says why, should it be alice's own. */
		assert_non_null(strstr(err.what, full("2")));
		bundle_end(&w);
	}
}

static void without_an_engine_there_is_nothing(void **state)
{
	struct bundle_world w;

	(void)state;
	bundle_begin(&w);
	assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_ABSENT);
	bundle_make_dirs(bundle_path(&w, TASKS));
	bundle_make_dirs(bundle_path(&w, CRIO_DIRS));
	assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_ABSENT);
	assert_int_equal(chmod(bundle_path(&w, CRIO_DIRS), 0777), 0);
	assert_int_equal(code_of(&w, "lab/alice"), CTSH_E_UNSAFE);
	bundle_end(&w);
}

static void names_are_those_of_kubernetes(void **state)
{
	static const struct {
		const char *name;
		bool valid;
	} rows[] = {
		{"lab/alice", true},
		{"lab/alice/app", true},
		{"kube-system/coredns-5d78c9869d-79bfv/coredns", true},
		{"a/b.c-d", true},
		{"alice", false},
		{"lab/", false},
		{"/alice", false},
		{"lab/alice/", false},
		{"lab//app", false},
		{"lab/alice/app/x", false},
		{"Lab/alice", false},
		{"lab/alice_1", false},
		{"lab/..", false},
		{"lab/a..b", false},
		{"lab/-alice", false},
		{"lab/alice-", false},
		{"lab/al ice", false},
		{"lab/al\"ice", false},
		{"", false},
	};
	char name[300];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(kubernetes->valid_name(rows[i].name),
		                 rows[i].valid);
	memset(name, 'a', sizeof(name));
	name[63] = '/';
	name[257] = '\0';
	assert_true(kubernetes->valid_name(name));
	name[257] = 'a';
	name[258] = '\0';
	assert_false(kubernetes->valid_name(name));
	name[257] = '\0';
	name[63] = 'a';
	name[64] = '/';
	assert_false(kubernetes->valid_name(name));
}

/* It must still be what it was; the others were looked through before. */
static void asked_again_it_looks_at_the_one_it_found(void **state)
{
	struct bundle_world w;
	char id[CTSH_ID_MAX];
	struct ctsh_where where = {.known = id};
	struct ctsh_target target;
	struct ctsh_error err;
	int64_t deadline = ctsh_now_ms() + 5000;

	(void)state;
	begin(&w);
	where.root = where.run_root = w.root;
	strcpy(id, full("c"));
	put_container(&w, full("d"), full("5"), &alice, "log");
	assert_int_equal(
		kubernetes->find(&where, "lab/alice", deadline, &target, &err),
		0);
	assert_string_equal(target.id, full("c"));
	assert_int_equal(kubernetes->find(&where, "lab/alice/log", deadline,
	                                  &target, &err),
	                 -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	strcpy(id, full("1"));
	assert_int_equal(
		kubernetes->find(&where, "lab/alice", deadline, &target, &err),
		-1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	bundle_end(&w);
}

/* Two hundred pods of two containers each, with configurations as large as
 * they become; the first three digits of each ID are its number. */
static void a_full_node_is_looked_through_at_once(void **state)
{
	char padding[24 * 1024], start[16], name[32];
	struct bundle_world w;
	int64_t before, took;

	(void)state;
	memset(padding, 'x', sizeof(padding) - 1);
	padding[sizeof(padding) - 1] = '\0';
	bundle_begin(&w);
	for (int i = 0; i < 200; i++) {
		struct pod pod = {"lab", name, "44e4b37f"};

		snprintf(name, sizeof(name), "pod-%d", i);
		snprintf(start, sizeof(start), "%d5", 100 + i);
		put_sandbox(&w, full(start), &pod);
		for (int k = 0; k < 2; k++) {
			const char *sandbox = full(start);
			json_t *doc = container_config(sandbox, &pod,
			                               k ? "app" : "log");
			char id[16];

			snprintf(id, sizeof(id), "%d%c", 100 + i, 'c' + k);
			json_object_set_new(doc, "padding",
			                    json_string(padding));
			put_task(&w, full(id), doc, w.pid);
		}
	}
	before = ctsh_now_ms();
	check_found(&w, "lab/pod-117/app", full("217d"), full("217d"));
	took = ctsh_now_ms() - before;
	print_message("600 bundles: %d ms\n", (int)took);
	assert_in_range(took, 0, 500);
	bundle_end(&w);
}

static void no_longer_than_until_the_deadline(void **state)
{
	struct ctsh_where where = {0};
	struct ctsh_target target;
	struct bundle_world w;
	struct ctsh_error err;

	(void)state;
	begin(&w);
	where.root = w.root;
	assert_int_equal(kubernetes->find(&where, "lab/alice",
	                                  ctsh_now_ms() - 1, &target, &err),
	                 -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	bundle_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_container_is_found_by_its_name_or_as_the_only_one),
		cmocka_unit_test(crio_is_looked_through_too),
		cmocka_unit_test(only_exact_names_fit),
		cmocka_unit_test(the_sandbox_itself_is_nobodys),
		cmocka_unit_test(of_two_containers_one_must_be_named),
		cmocka_unit_test(of_several_attempts_the_running_one_is_taken),
		cmocka_unit_test(in_a_pod_that_runs_a_container_may_come),
		cmocka_unit_test(two_pods_of_one_name_are_none),
		cmocka_unit_test(one_of_each_engine_are_two),
		cmocka_unit_test(a_section_looks_where_it_says),
		cmocka_unit_test(pods_of_other_namespaces_are_others),
		cmocka_unit_test(a_pod_cannot_give_itself_another_name),
		cmocka_unit_test(a_sandbox_that_says_otherwise_refuses),
		cmocka_unit_test(a_container_without_its_sandbox_is_absent),
		cmocka_unit_test(crio_must_call_it_that_itself),
		cmocka_unit_test(
			a_sandbox_of_crio_that_says_it_is_a_container_is_none),
		cmocka_unit_test(what_is_on_its_way_in_or_out_is_passed_over),
		cmocka_unit_test(a_strangers_configuration_changes_no_answer),
		cmocka_unit_test(without_an_engine_there_is_nothing),
		cmocka_unit_test(names_are_those_of_kubernetes),
		cmocka_unit_test(asked_again_it_looks_at_the_one_it_found),
		cmocka_unit_test(a_full_node_is_looked_through_at_once),
		cmocka_unit_test(no_longer_than_until_the_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
