using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Policies;

/// <summary>The JSON Schema of a policy file, for editors.</summary>
internal static class PolicySchema
{
    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The schema as indented text that ends in a line break.</summary>
    public static string Text()
    {
        JsonObject properties = new()
        {
            ["$schema"] = new JsonObject { ["type"] = "string", ["description"] = "Address of this schema." },
        };
        Dictionary<string, JsonObject> sections = [];
        foreach (PolicyKey key in PolicyKeys.All)
        {
            if (key.Section is null)
            {
                properties[key.LeafName] = Property(key);
                continue;
            }

            if (!sections.TryGetValue(key.Section, out JsonObject? members))
            {
                members = [];
                sections.Add(key.Section, members);
                PolicySection section = PolicyKeys.Sections.First(section => section.Name == key.Section);
                JsonObject described = new()
                {
                    ["type"] = "object",
                    ["description"] = section.Meaning,
                    ["properties"] = members,
                    ["additionalProperties"] = false,
                };
                if (section.TogetherSchema is { } together)
                {
                    described["anyOf"] = JsonNode.Parse(together);
                }

                properties[key.Section] = described;
            }

            members[key.LeafName] = Property(key);
        }

        JsonObject root = new()
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "IsolatedAgents policy",
            ["description"] = "What an agent may use and do, and what fails its run.",
            ["type"] = "object",
            ["properties"] = properties,
            ["additionalProperties"] = false,
        };
        AddAliases(root, properties);
        return root.ToJsonString(Options) + "\n";
    }

    private static JsonObject Property(PolicyKey key)
    {
        JsonObject property = key.Schema();
        property["description"] = key.Meaning;
        property["default"] = key.ValueOf(Policy.Default);
        return property;
    }

    private static void AddAliases(JsonObject root, JsonObject properties)
    {
        JsonArray exclusions = [];
        foreach (PolicyKey key in PolicyKeys.All.Where(key => key.Alias is not null))
        {
            JsonObject alias = key.Schema();
            alias["description"] = $"Another name of '{key.Name}'.";
            alias["deprecated"] = true;
            properties[key.Alias!] = alias;
            exclusions.Add((JsonNode)new JsonObject { ["not"] = new JsonObject { ["required"] = Words.Json([key.Name, key.Alias!]) } });
        }

        root["allOf"] = exclusions;
    }
}
