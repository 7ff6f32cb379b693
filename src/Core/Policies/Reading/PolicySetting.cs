using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Policies.Reading;

/// <summary>One key as it was set.</summary>
/// <param name="Key">The key.</param>
/// <param name="TypedName">Its name as it stands there, which may be an alias.</param>
/// <param name="Position">The place of that name.</param>
/// <param name="Value">Its value, not yet judged.</param>
/// <param name="Source">What set it.</param>
internal sealed record PolicySetting(PolicyKey Key, string TypedName, TextPosition Position, PolicyNode Value, PolicySource Source);
