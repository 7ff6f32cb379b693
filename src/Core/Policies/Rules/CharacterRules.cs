namespace IsolatedAgents.Policies.Rules;

/// <summary>Characters that no name, path or address of a policy may hold.</summary>
internal static class CharacterRules
{
    /// <summary>Names the fault in the characters of <paramref name="value"/>; null where nothing is.</summary>
    public static string? Problem(string value, bool allowBlanks)
    {
        if (value.Length == 0)
        {
            return "it is empty; write a value or leave the entry out";
        }

        foreach (char c in value)
        {
            if (char.IsControl(c))
            {
                return "it holds a control character (such as a line break or NUL); remove it";
            }

            if (!allowBlanks && char.IsWhiteSpace(c))
            {
                return "it holds a blank; remove it";
            }
        }

        return null;
    }
}
