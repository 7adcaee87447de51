// Functions of the table that break the ABI's rules around kernels that are right.
#include <chrono>
#include <mutex>
#include <thread>

#include "host.hpp"
#include "kind.hpp"

namespace motley::test {

namespace {

motley_plugin good;

// Calls on with a copy of the submission that `change` may change.
template <class Change>
motley_status resubmit(motley_device* d, motley_queue* q, motley_executable* e, const motley_submission* s,
                       motley_error* error, Change&& change) {
  motley_submission copy = *s;
  std::vector<motley_binding> outputs(s->outputs, s->outputs + s->output_count);
  copy.outputs = outputs.data();
  change(copy, outputs);
  return good.submit(d, q, e, &copy, error);
}

void break_submit(motley_plugin& p) {
  if (breaks("ignores_offset"))
    p.submit = [](motley_device* d, motley_queue* q, motley_executable* e, const motley_submission* s,
                  motley_error* error) {
      return resubmit(d, q, e, s, error, [](auto&, auto& outputs) {
        for (motley_binding& b : outputs) b.offset = 0;
      });
    };
  if (breaks("ignores_cancel"))
    p.submit = [](motley_device* d, motley_queue* q, motley_executable* e, const motley_submission* s,
                  motley_error* error) {
      return resubmit(d, q, e, s, error, [](motley_submission& copy, auto&) { copy.cancel = nullptr; });
    };
  if (breaks("cancelled_for_good"))
    p.submit = [](motley_device* d, motley_queue* q, motley_executable* e, const motley_submission* s,
                  motley_error* error) {
      static std::atomic<bool> cancelled{false};
      if (s->cancel && *s->cancel) cancelled = true;
      return cancelled ? MOTLEY_CANCELLED : good.submit(d, q, e, s, error);
    };
  if (breaks("throws_at_submit"))
    p.submit = [](motley_device*, motley_queue*, motley_executable*, const motley_submission*,
                  motley_error*) -> motley_status { throw 7; };
  if (breaks("no_status"))
    p.submit = [](motley_device*, motley_queue*, motley_executable*, const motley_submission*, motley_error*) {
      return static_cast<motley_status>(-1);
    };
  if (breaks("crash_without_memory"))
    p.submit = [](motley_device* d, motley_queue* q, motley_executable* e, const motley_submission* s,
                  motley_error* error) {
      auto* unchecked = static_cast<volatile char*>(std::malloc(100));
      unchecked[0] = 1;
      std::free(const_cast<char*>(unchecked));
      return good.submit(d, q, e, s, error);
    };
}

void break_compile(motley_plugin& p) {
  if (breaks("throws_at_compile"))
    p.compile = [](motley_device*, const motley_graph*, const motley_compile_options*, motley_executable**,
                   motley_error*) -> motley_status { throw std::runtime_error("out"); };
  if (breaks("leaks_without_memory"))
    p.compile = [](motley_device* d, const motley_graph* g, const motley_compile_options* o, motley_executable** e,
                   motley_error* error) {
      auto* extra = static_cast<char*>(std::malloc(50));
      if (!extra) return MOTLEY_OUT_OF_MEMORY;
      const motley_status status = good.compile(d, g, o, e, error);
      if (status != MOTLEY_OUT_OF_MEMORY) std::free(extra);
      return status;
    };
  if (breaks("trusts_graphs"))
    p.query_support = [](motley_device*, const motley_graph* g, const motley_support_sink* sink, motley_error*) {
      const auto* nodes = schema::GetModel(g->model.data)->graphs()->Get(0)->nodes();
      for (uint32_t i = 0; i < nodes->size(); ++i) {
        const bool relu = nodes->Get(i)->op() == schema::Op::Unary && nodes->Get(i)->outputs()->Get(0) >= 0;
        const auto* a = relu ? nodes->Get(i)->attributes_as_UnaryAttributes() : nullptr;
        const bool yes =
            a && a->function() == schema::UnaryFunction::relu &&
            schema::GetModel(g->model.data)->graphs()->Get(0)->tensors()->Get(0)->type() == schema::DataType::float32;
        sink->node(sink->context, i, yes ? MOTLEY_OK : MOTLEY_UNSUPPORTED, yes ? "" : "only relu");
      }
      return MOTLEY_OK;
    };
  if (breaks("overflows_error"))
    p.compile = [](motley_device* d, const motley_graph* g, const motley_compile_options* o, motley_executable** e,
                   motley_error* error) {
      const motley_status status = good.compile(d, g, o, e, error);
      if (status != MOTLEY_OK && error && error->text) std::memcpy(error->text, "a long text", 12);
      return status;
    };
}

void break_query(motley_plugin& p) {
  if (breaks("crash_at_query"))
    p.query_support = [](motley_device*, const motley_graph*, const motley_support_sink*,
                         motley_error*) -> motley_status { crash(); };
  if (breaks("throws_at_query"))
    p.query_support = [](motley_device*, const motley_graph*, const motley_support_sink*,
                         motley_error*) -> motley_status { throw std::bad_alloc(); };
  if (breaks("answers_twice"))
    p.query_support = [](motley_device* d, const motley_graph* g, const motley_support_sink* sink, motley_error* e) {
      good.query_support(d, g, sink, e);
      return good.query_support(d, g, sink, e);
    };
  if (breaks("no_answer"))
    p.query_support = [](motley_device*, const motley_graph*, const motley_support_sink*, motley_error*) {
      return MOTLEY_OK;
    };
  if (breaks("no_reason"))
    p.query_support = [](motley_device*, const motley_graph*, const motley_support_sink* sink, motley_error*) {
      sink->node(sink->context, 0, MOTLEY_UNSUPPORTED, "");
      return MOTLEY_OK;
    };
  if (breaks("changes_answer"))
    p.query_support = [](motley_device* d, const motley_graph* g, const motley_support_sink* sink, motley_error* e) {
      static std::atomic<unsigned> asked{0};
      if (++asked % 2) return good.query_support(d, g, sink, e);
      sink->node(sink->context, 0, MOTLEY_UNSUPPORTED, "not now");
      return MOTLEY_OK;
    };
}

// Offers relu and what comes before it as one kernel; where that is broken, it changes the result.
motley_status query_with_candidate(motley_device* d, const motley_graph* g, const motley_support_sink* sink,
                                   motley_error* error) {
  const motley_status status = good.query_support(d, g, sink, error);
  if (status != MOTLEY_OK) return status;
  bool pair = false;
  const motley_status read = sdk::guarded(error, [&] {
    const sdk::GraphView view(*g);
    pair = view.node_count() == 2;
    for (uint32_t i = 0; pair && i < 2; ++i)
      pair = view.node(i).op() == schema::Op::Unary &&
             view.node(i).attributes<schema::UnaryAttributes>().function() == schema::UnaryFunction::relu;
  });
  if (read != MOTLEY_OK || !pair) return read;
  const uint32_t nodes[] = {0, breaks("candidate_of_no_node") ? 7u : 1u};
  const char* config = breaks("candidate_not_compiled") ? "variant=huge" : "variant=fast";
  const motley_candidate candidate{
      sizeof candidate, 2, nodes, 0, static_cast<uint32_t>(schema::DataType::float32), 100, config};
  sink->candidate(sink->context, &candidate);
  return status;
}

void break_requirements(motley_plugin& p) {
  if (breaks("odd_alignment") || breaks("huge_scratch"))
    p.exec_requirements = [](motley_executable* e, motley_exec_requirements* r) {
      const motley_status status = good.exec_requirements(e, r);
      if (breaks("odd_alignment")) r->alignment = 48;
      if (breaks("huge_scratch")) r->scratch_bytes = uint64_t{1} << 50;
      return status;
    };
  if (breaks("writes_past_struct"))
    p.exec_requirements = [](motley_executable* e, motley_exec_requirements* r) {
      motley_exec_requirements whole{};
      whole.struct_size = sizeof whole;
      good.exec_requirements(e, &whole);
      *r = whole;
      return MOTLEY_OK;
    };
  if (breaks("foreign_clock"))
    p.profile_read = [](motley_executable* e, const motley_profile_sink* sink) {
      good.profile_read(e, sink);
      const motley_profile_row row{sizeof row, 0, 5, 6, "relu"};
      sink->row(sink->context, &row);
      return MOTLEY_OK;
    };
}

void break_lifetimes(motley_plugin& p) {
  if (breaks("crash_at_release")) p.exec_release = [](motley_executable*) { crash(); };
  if (breaks("crash_at_close")) p.device_close = [](motley_device*) { crash(); };
  if (breaks("crash_at_shutdown")) p.shutdown = [] { crash(); };
  if (breaks("leaves_thread"))
    p.device_open = [](uint32_t index, motley_device** device, motley_error* error) {
      std::thread([] { std::this_thread::sleep_for(std::chrono::hours(1)); }).detach();
      return good.device_open(index, device, error);
    };
  if (breaks("silent_refusal"))
    p.device_open = [](uint32_t index, motley_device** device, motley_error*) {
      return good.device_open(index, device, nullptr);
    };
  if (breaks("one_handle")) {  // closing one handle of a device closes them all
    static std::atomic<bool> closed{false};
    p.device_open = [](uint32_t index, motley_device** device, motley_error* error) {
      closed = false;
      return good.device_open(index, device, error);
    };
    p.device_close = [](motley_device* device) {
      closed = true;
      good.device_close(device);
    };
    p.submit = [](motley_device* d, motley_queue* q, motley_executable* e, const motley_submission* s,
                  motley_error* error) { return closed ? MOTLEY_DEVICE_LOST : good.submit(d, q, e, s, error); };
  }
}

}  // namespace

void break_table(motley_plugin& p) {
  good = p;
  if (!breaks("trusts_graphs")) p.query_support = query_with_candidate;
  break_submit(p);
  break_compile(p);
  break_query(p);
  break_requirements(p);
  break_lifetimes(p);
  if (breaks("missing_function")) p.compile = nullptr;
  if (breaks("half_a_group")) p.queue_create = [](motley_device*, motley_queue**, motley_error*) { return MOTLEY_OK; };
  if (breaks("small_struct")) p.struct_size = 24;
  if (breaks("nameless")) p.version = "";
  if (breaks("failing_init")) p.init = [](motley_error*) { return MOTLEY_DEVICE_LOST; };
  if (breaks("unknown_extension")) p.get_extension = [](const char*) -> const void* { return &good; };
}

}  // namespace motley::test
