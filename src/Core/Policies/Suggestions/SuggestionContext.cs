using System.Text.Json.Serialization;

namespace IsolatedAgents.Policies.Suggestions;

[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(long))]
internal sealed partial class SuggestionContext : JsonSerializerContext;
